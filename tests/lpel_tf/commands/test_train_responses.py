"""`lpel train --method responses` and what `lpel explain` then does, with a tiny network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.methods.decoded.responses import Responses
from support import reproduction, tiny
from support.command import lpel, refused
from support.folders import names_in
from support.tiny_training import lpel_tiny

TINY = [sys.executable, "-m", "support.tiny_training"]
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"}
PEOPLE, EACH = 12, 5


def in_a_process(*arguments):
    tests = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        list(map(str, [*TINY, *arguments])),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
    )


def complaint(done):
    """The one sentence on standard error of a command that refused."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("lpel: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return reproduction.write_faces(tmp_path_factory.mktemp("command") / "faces", PEOPLE, EACH)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def training(faces, out, cache, *more):
    return [
        *("train", "--faces", faces, "--out", out, "--cache", cache, "--crop", "none"),
        *("--method", "responses", "--coalitions", 4, "--grid", 4, "--epochs", 3),
        *("--split", "identity", *more),
    ]


@pytest.fixture(scope="module")
def trained(faces, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "bundle"
    return in_a_process(*training(faces, out, cache, "--json")), out


def test_a_training_prints_one_document_with_both_decoders(trained):
    done, out = trained
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    keys = ["bundle", "training", "responses", "threshold", "confidence", "plausibility", "usual"]
    assert list(document) == [*keys, "parity", "passed_over"]
    assert document["plausibility"] is None
    assert document["usual"] is None
    assert document["passed_over"] == {}
    assert document["bundle"] == str(out)
    responses = document["responses"]
    assert responses["method"] == "Adamax"
    assert (responses["table"]["side"], responses["table"]["coalitions"]) == (4, 4)
    assert [fill["name"] for fill in responses["table"]["fills"]] == ["normal", "mean", "blur"]
    assert responses["photographs"] == document["training"]["photographs"]
    assert responses["people"] == document["training"]["people"]
    assert sum(responses["photographs"].values()) == PEOPLE * EACH
    assert set(responses["test_loss"]) == {"vectors", "own"}
    assert all(0 <= loss < 1 for loss in responses["test_loss"].values())
    assert 1 <= responses["best_epoch"] <= len(responses["history"])
    assert set(document["parity"]) == {"embedder", "decoder", "responses"}
    assert document["parity"]["responses"]["max_difference"] <= 1e-5
    assert "Traceback" not in done.stderr


def test_a_training_leaves_the_bundle_and_nothing_else(trained, cache):
    _, out = trained
    assert names_in(out.parent) == ["bundle"]
    assert names_in(out) == ["decoder.onnx", "embedder.onnx", "manifest.json", "responses.onnx"]
    assert len(names_in(cache / "embeddings")) == 2, "the store of embeddings and the table"


def test_the_trained_bundle_responds_on_the_grid_asked_for(trained):
    explainer = Explainer.load(trained[1])
    assert explainer.default_method == Responses()
    assert explainer.manifest.responses.side == 4
    assert explainer.respond(np.ones((3, tiny.DIMENSION), np.float32)).shape == (3, 16, 6)


def test_the_same_training_again_embeds_nothing_and_gives_the_same_bytes(
    trained, faces, cache, tmp_path
):
    stores = {path: path.read_bytes() for path in (cache / "embeddings").iterdir()}
    done = lpel_tiny(*training(faces, tmp_path / "again", cache, "--json"))
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in (cache / "embeddings").iterdir()} == stores
    again = json.loads(done.stdout) | {"bundle": str(trained[1])}
    assert again == json.loads(trained[0].stdout)
    for name in ("decoder.onnx", "responses.onnx", "embedder.onnx"):
        assert (tmp_path / "again" / name).read_bytes() == (trained[1] / name).read_bytes()


def test_training_without_json_says_how_much_is_predicted(faces, cache, trained, tmp_path):
    done = lpel_tiny(*training(faces, tmp_path / "out", cache))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Bundle: {tmp_path / 'out'}\n")
    assert done.stdout.count("Parity of the ") == 3
    responses = json.loads(trained[0].stdout)["responses"]
    share = 1 - responses["test_loss"]["vectors"]
    said = f"The response decoder predicts {share:.0%} of what coalitions of superpixels take"
    assert said in " ".join(done.stdout.split())
    assert f"{responses['photographs']['test']} test photographs" in " ".join(done.stdout.split())


def test_training_by_lpel_alone_gives_a_bundle_that_explains_by_lpel(faces, cache, tmp_path):
    out = tmp_path / "out"
    plain = list(training(faces, out, cache, "--json"))
    for option in ("--method", "--coalitions", "--grid"):  # the latter are of responses alone
        place = plain.index(option)
        del plain[place : place + 2]
    done = lpel_tiny(*plain)
    assert done.returncode == 0, done.stderr
    assert "responses" not in json.loads(done.stdout)
    assert names_in(out) == ["decoder.onnx", "embedder.onnx", "manifest.json"]
    assert '"responses"' not in (out / "manifest.json").read_text()
    explained = lpel("explain", "--bundle", out, *two(faces), "--json")
    assert json.loads(explained.stdout)["method"] == "lpel"


def test_without_a_decoder_the_bundle_explains_by_responses_alone(faces, cache, tmp_path):
    out = tmp_path / "out"
    bare = list(training(faces, out, cache, "--no-decoder", "--json"))
    place = bare.index("--epochs")  # which are the decoder's
    del bare[place : place + 2]
    done = lpel_tiny(*bare)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "training" not in document
    assert document["responses"]["photographs_unusable"] == 0
    assert names_in(out) == ["embedder.onnx", "manifest.json", "responses.onnx"]
    said = lpel("bundle", "inspect", out)
    assert "decoder: none" in said.stdout, said.stderr
    explained = lpel("explain", "--bundle", out, *two(faces), "--json")
    assert json.loads(explained.stdout)["method"] == "responses"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "lpel", "--no-decoder"), "--no-decoder goes with --method responses"),
        (("--method", "responses", "--no-decoder", "--closed-form"), "is for a decoder"),
        (("--method", "responses", "--no-decoder", "--epochs", 2), "is for a decoder"),
    ],
)
def test_no_decoder_and_options_of_one_are_refused(options, words, faces, tmp_path):
    out = ("--out", tmp_path / "out", "--cache", tmp_path / "cache")
    refused(lpel("train", "--faces", faces, *out, *options), words)
    assert names_in(tmp_path) == []


def two(faces):
    return sorted(faces.glob("*/*.png"))[:: 2 * EACH][:2]


def test_the_trained_bundle_explains_by_responses_unless_asked_otherwise(trained, faces):
    explain = ("explain", "--bundle", trained[1], *two(faces), "--json")
    plain, other = lpel(*explain), lpel(*explain, "--method", "lpel", "--p", 0.5)
    for done in (plain, other):
        assert done.returncode == 0, done.stderr
    document = json.loads(plain.stdout)
    assert document["method"] == "responses"
    assert document["parameters"] == {"seed": 0, "epsilon": 0.7, "crop": "none"}
    assert set(document["bundle"]) == {"decoder.onnx", "embedder.onnx", "responses.onnx"}
    document = json.loads(other.stdout)
    assert document["method"] == "lpel"
    assert document["parameters"] == {"p": 0.5, "epsilon": 0.7, "crop": "none"}
    said = complaint(lpel(*explain, "--p", 0.5))
    assert "--p is LPEL's own: it is not taken with the method responses" in said


def test_a_subject_that_is_none_is_refused_before_any_work(faces, tmp_path):
    done = lpel(*training(faces, tmp_path / "out", tmp_path / "cache", "--subject", "nonsense"))
    refused(done, "no subject is called 'nonsense': expected faces, digits")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "options",
    [
        ("--method", "nonsense"),
        ("--coalitions", 0),
        ("--grid", 1),
        ("--grid", 41),
        ("--grid", "eight"),
    ],
)
def test_options_out_of_range_are_refused_before_any_work(options, faces, tmp_path):
    out, cache = tmp_path / "out", tmp_path / "cache"
    done = lpel(*training(faces, out, cache, *options))
    assert done.returncode == 2
    assert done.stdout == ""
    assert options[0] in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == []
