"""`lpel explain` and `lpel verify` as a user runs them."""

import json
import os
import pty
import signal
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.methods import find_method, methods
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.report.document import document as document_of
from support import bright, tiny
from support.command import lpel, lpel_process, read_terminal, refused
from support.images import pixels, write_people
from support.process import LPEL


def numbers(document: dict) -> dict:
    """What a document says of the pair: `--json` writes what made it in a way of its own."""
    own = ("control", "method", "parameters", "bundle", "models", "files")
    return {key: value for key, value in document.items() if key not in own}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six people with five photographs each."""
    return write_people(tmp_path_factory.mktemp("commands") / "faces", people=6, each=5)


@pytest.fixture(scope="module")
def two(faces):
    """Photographs of two people."""
    return faces / "Person_00/Person_00_0001.png", faces / "Person_01/Person_01_0001.png"


def test_version_and_help():
    assert lpel("--version").stdout == f"lpel {version('lpel-tf')}\n"
    help_text = lpel_process("--help")
    assert help_text.returncode == 0
    assert help_text.stderr == ""
    assert "explain" in help_text.stdout
    assert "verify" in help_text.stdout


def test_explain_prints_one_json_document_and_writes_its_files(tiny_bundle, two, tmp_path):
    out = tmp_path / "new" / "out"
    done = lpel_process(
        "explain", "--bundle", tiny_bundle, *two, "--out", out, "--json",
        "--p", 0.5, "--epsilon", 0.6,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    explainer = Explainer.load(tiny_bundle)
    expected = numbers(document_of(explainer.explain(*two, method=Lpel(0.5), epsilon=0.6)))
    assert numbers(document) == expected
    assert document["parameters"] == {"p": 0.5, "epsilon": 0.6, "crop": "none"}
    assert document["bundle"] == {
        name: record.sha256 for name, record in explainer.manifest.files.items()
    }
    assert document["files"] == {
        what: str(out / f"explanation.{suffix}")
        for what, suffix in (("arrays", "npz"), ("summary", "json"), ("figure", "png"))
    }
    assert sorted(map(str, out.iterdir())) == sorted(document["files"].values())
    written = json.loads((out / "explanation.json").read_text())
    assert written == {key: document[key] for key in document if key != "files"}
    with np.load(out / "explanation.npz", allow_pickle=False) as arrays:
        assert arrays["test_mask"].shape == (8, 8)
    with Image.open(out / "explanation.png") as figure:
        assert figure.format == "PNG"


def test_explain_says_in_words_what_was_decided_and_writes_nothing(tiny_bundle, two, tmp_path):
    done = lpel("explain", "-b", tiny_bundle, *two, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("Similarity 0.")
    assert "threshold 0.250: the network calls them similar." in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def with_plugin(tmp_path, monkeypatch):
    """The crop `bright` as an installed plugin, here and in commands."""
    bright.install(tmp_path / "plugins", monkeypatch)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "plugins"), *sys.path]))


@pytest.mark.usefixtures("with_plugin")
def test_explain_says_how_many_faces_there_are_and_takes_the_one_that_is_asked_for(
    tiny_bundle, tmp_path
):
    one = bright.save(tmp_path / "one.png", bright.ONE)
    both = bright.save(tmp_path / "both.png", bright.TWO)
    explain = ("explain", "--bundle", tiny_bundle, "--crop", bright.NAME)
    said = lpel_process(*explain, one, both)
    assert (said.returncode, said.stderr) == (0, "")
    assert "\nThere are 2 faces in the test photograph; the largest was taken.\n" in said.stdout
    assert "faces in" not in lpel(*explain, one, one).stdout
    done = lpel(*explain, both, both, "--reference-face", 0, "--test-face", 1, "--json")
    document = json.loads(done.stdout)
    engine = Explainer.load(tiny_bundle, crop=bright.NAME)
    expected = numbers(document_of(engine.explain(both, both, faces=(0, 1))))
    assert numbers(document) == expected
    assert [document["faces"][role]["taken"] for role in ("reference", "test")] == [0, 1]
    refused(lpel(*explain, one, both, "--test-face", 2), "both.png: face 2", "2 were found")
    refused(
        lpel("explain", "--bundle", tiny_bundle, one, both, "--reference-face", 0),
        "one.png: face 0 was asked for, and this crop looks for no faces",
    )


def test_bad_input_to_explain_ends_with_one_sentence(tiny_bundle, two, tmp_path):
    (tmp_path / "file").write_bytes(b"no image")
    explain = ("explain", "--bundle", tiny_bundle)
    refused(
        lpel_process(*explain, two[0], tmp_path / "none.jpg", "--json"), "none.jpg", "No such file"
    )
    refused(lpel(*explain, two[0], tmp_path / "file"), str(tmp_path / "file"), "is not an image")
    refused(lpel("explain", "--bundle", tmp_path, *two), str(tmp_path), "is not a bundle")
    refused(lpel(*explain, *two, "--p", "-1"), "p takes a number from 0.0001 to 1e+06")
    refused(lpel(*explain, *two, "--epsilon", "nan"), "epsilon")
    refused(lpel(*explain, *two, "--crop", "oval"), "no crop is called 'oval'")
    refused(lpel(*explain, *two, "--provider", "cuda"), "cuda", "lpel-tf[gpu]")
    below = tmp_path / "file" / "out"
    refused(lpel(*explain, *two, "--out", below, "--json"), "cannot write", str(below))
    assert (tmp_path / "file").read_bytes() == b"no image"


def test_bad_usage_is_explained_without_a_traceback(tiny_bundle, two):
    for arguments in (
        ("explain", "--bundle", tiny_bundle, two[0]),
        ("verify", "--bundle", tiny_bundle, "--faces", two[0].parent.parent, "--n", 3),
        ("no-such-command",),
    ):
        done = lpel(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "Usage: lpel" in done.stderr
        assert "Traceback" not in done.stderr


def test_verify_prints_one_json_document_and_progress_elsewhere(tiny_bundle, faces, tmp_path):
    arguments = ("verify", "--bundle", tiny_bundle, "--faces", faces, "--n", 40, "--seed", 3)
    done = lpel_process(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["pairs_same"], document["pairs_different"]) == (20, 20)
    assert document["threshold"] == 0.25
    assert document["pairs_without_face"] == 0
    assert 0 <= document["at_threshold"]["total"] <= 1
    assert document["auc"] > 0.9
    assert document["roc"][0]["true_accept_rate"] == 0
    assert "embedding" in done.stderr
    assert "Traceback" not in done.stderr
    assert lpel(*arguments, "--json").stdout == done.stdout
    words = lpel(*arguments)
    assert words.returncode == 0
    assert words.stdout.startswith("20 pairs of the same person, 20 of two people\n")
    assert f"area under the ROC curve: {document['auc']:.4f}\n" in words.stdout
    assert list(tmp_path.iterdir()) == []


def test_verify_reads_lfw_pairs_and_flat_folders(tiny_bundle, tmp_path):
    flat, listing, pairs = tmp_path / "flat", tmp_path / "identity.txt", tmp_path / "pairs.txt"
    flat.mkdir()
    lines = []
    for i in range(24):
        Image.fromarray(pixels(i % 6)).save(flat / f"{i:06d}.png")
        lines.append(f"{i:06d}.png {i % 6}\n")
        home = tmp_path / "lfw" / f"P{i % 6}"
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(i % 6)).save(home / f"P{i % 6}_{i // 6 + 1:04d}.jpg")
    listing.write_text("".join(lines))
    same = [f"P{i % 6}\t{i // 6 + 1}\t{i // 6 + 2}\n" for i in range(12)]
    different = [f"P{i % 6}\t1\tP{(i + 1) % 6}\t{i // 6 + 2}\n" for i in range(12)]
    pairs.write_text("12\n" + "".join(same + different))
    verify = ("verify", "--bundle", tiny_bundle, "--json", "--faces")
    for done in (
        lpel(*verify, flat, "--identities", listing, "--n", 24),
        lpel(*verify, tmp_path / "lfw", "--pairs", pairs),
    ):
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert (document["pairs_same"], document["pairs_different"]) == (12, 12)
        assert document["auc"] == 1


def test_bad_input_to_verify_ends_with_one_sentence(tiny_bundle, faces, tmp_path):
    verify = ("verify", "--bundle", tiny_bundle)
    refused(lpel(*verify, "--faces", tmp_path / "none"), "none is not a folder")
    refused(lpel(*verify, "--faces", faces, "--n", 100_000), "asked for 100000 pairs", "at most")
    refused(lpel(*verify, "--faces", faces, "--pairs", tmp_path / "none.txt"), "none.txt")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("Person_00 1 99\n")
    refused(lpel(*verify, "--faces", faces, "--pairs", pairs), "line 1", "Person_00_0099.jpg")


def test_an_interrupted_verify_ends_with_one_line_and_status_130(tiny_bundle, tmp_path):
    people = write_people(tmp_path / "faces", people=2, each=2, size=1500)
    for photograph in sorted(people.glob("*/*.png")):
        for copy in range(60):
            photograph.with_name(f"copy_{copy}_{photograph.name}").symlink_to(photograph)
    screen, terminal = pty.openpty()
    command = [LPEL, "verify", "--bundle", tiny_bundle, "--faces", people, "--json"]
    process = subprocess.Popen(
        [*command, "--n", "200"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(terminal)
    shown = b""
    while b"embedding" not in shown:
        shown += os.read(screen, 1024)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    while more := read_terminal(screen):
        shown += more
    os.close(screen)
    assert process.returncode == 130
    assert stdout == b""
    assert b"Traceback" not in shown
    assert shown.replace(b"\r", b"").endswith(b"lpel: interrupted.\n")


def test_a_reader_that_goes_away_is_no_error(tiny_bundle, two):
    out, into = os.pipe()
    os.close(out)
    process = subprocess.run(
        [LPEL, "explain", "--bundle", tiny_bundle, *two, "--json"],
        check=False,
        stdout=into,
        stderr=subprocess.PIPE,
    )
    os.close(into)
    assert process.stderr == b""
    assert process.returncode == 0


@pytest.fixture(scope="module")
def strangers(faces):
    """Photographs of two people whom the tiny network, with a high threshold, distinguishes."""
    return faces / "Person_02/Person_02_0001.png", faces / "Person_03/Person_03_0001.png"


@pytest.fixture(scope="module")
def strict_bundle(tmp_path_factory):
    """The tiny bundle with a threshold that no two photographs exceed."""
    folder = tmp_path_factory.mktemp("strict") / "bundle"
    return tiny.write_bundle(folder, threshold=tiny.ThresholdRecord(0.99999, {}))


@pytest.mark.parametrize("method", [name for name in methods() if name != "lpel"])
def test_explain_by_another_method_writes_its_files(simulating_bundle, two, tmp_path, method):
    done = lpel(
        "explain", "--bundle", simulating_bundle, *two, "--out", tmp_path, "--json",
        "--method", method, "--seed", 3, "--epsilon", 0.6,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["method"] == method
    assert document["parameters"] == {"seed": 3, "epsilon": 0.6, "crop": "none"}
    explainer = Explainer.load(simulating_bundle)
    expected = explainer.explain(*two, epsilon=0.6, method=find_method(method), seed=3)
    assert numbers(document) == numbers(document_of(expected))
    with np.load(tmp_path / "explanation.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {
            f"{role}_{name}"
            for role in ("test", "reference")
            for name in ("crop", "embedding", "reconstruction", "heat_map", "mask")
        } | ({"test_errors", "reference_errors"} if method == "hybrid" else set())
        np.testing.assert_array_equal(arrays["test_heat_map"], expected.forward.heat_map)
        np.testing.assert_array_equal(arrays["reference_heat_map"], expected.swapped.heat_map)
    with Image.open(tmp_path / "explanation.png") as figure:
        assert figure.format == "PNG"


def test_explain_names_lpel_as_its_method_and_no_seed(tiny_bundle, two):
    plain = lpel("explain", "--bundle", tiny_bundle, *two, "--json")
    document = json.loads(plain.stdout)
    assert document["method"] == "lpel"
    assert document["parameters"] == {"p": 0.3, "epsilon": 0.7, "crop": "none"}
    named = lpel("explain", "--bundle", tiny_bundle, *two, "--json", "--method", "lpel")
    assert named.stdout == plain.stdout


def test_explain_uses_the_response_decoder_that_a_bundle_has(responding_bundle, two):
    plain = lpel("explain", "--bundle", responding_bundle, *two, "--json")
    document = json.loads(plain.stdout)
    assert document["method"] == "responses"
    assert document["parameters"] == {"seed": 0, "epsilon": 0.7, "crop": "none"}
    assert set(document["bundle"]) == {"embedder.onnx", "decoder.onnx", "responses.onnx"}
    named = lpel("explain", "--bundle", responding_bundle, *two, "--json", "--method", "responses")
    assert named.stdout == plain.stdout
    words = lpel("explain", "--bundle", responding_bundle, *two)
    assert "by responses (Hiding parts, predicted), the heat-maps agree" in words.stdout


@pytest.mark.parametrize("method", ["centre", "constant-relevance", "random"])
def test_explain_by_a_control_says_that_it_is_one(responding_bundle, two, tmp_path, method):
    explain = ("explain", "--bundle", responding_bundle, *two, "--method", method)
    words = lpel(*explain, "--out", tmp_path).stdout
    assert "The map is a control, to measure others by: it does not depend on this pair." in words
    assert f"Both ways by the control {method}, the heat-maps agree" in words
    assert "Explained" not in words
    assert json.loads((tmp_path / "explanation.json").read_text())["control"]
    assert json.loads(lpel(*explain, "--json").stdout)["control"]
    assert not json.loads(lpel(*explain[:-2], "--json").stdout)["control"]


def test_explain_calls_a_flat_map_flat(two, tmp_path):
    """As of a decoder that knows nothing: two maps of 0 do not disagree."""
    model = tiny.decoder_model()
    for tensor in model.graph.initializer:
        if tensor.name == "kernel":
            tensor.raw_data = bytes(len(tensor.raw_data))
    bundle = tiny.write_bundle(tmp_path / "bundle", decoder=model.SerializeToString())
    done = lpel("explain", "--bundle", bundle, *two)
    assert done.returncode == 0, done.stderr
    assert "a heat-map is the same everywhere: it points at nothing" in done.stdout
    assert "rank correlation" not in done.stdout


def test_explain_by_lpel_takes_p_though_the_bundle_has_a_response_decoder(
    responding_bundle, tiny_bundle, two, tmp_path
):
    explain = ("--json", "--method", "lpel", "--p", 0.5, "--out", tmp_path)
    done = lpel("explain", "--bundle", responding_bundle, *two, *explain)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["method"] == "lpel"
    assert document["parameters"] == {"p": 0.5, "epsilon": 0.7, "crop": "none"}
    expected = numbers(document_of(Explainer.load(tiny_bundle).explain(*two, method=Lpel(0.5))))
    assert numbers(document) == expected
    with np.load(tmp_path / "explanation.npz", allow_pickle=False) as arrays:
        assert "test_relevance" in arrays.files


@pytest.mark.parametrize("method", ["responses", "occlusion", None])
def test_p_without_lpel_is_refused(responding_bundle, two, tmp_path, method):
    named = [] if method is None else ["--method", method]
    out = ("--out", tmp_path / "out", "--json")
    done = lpel("explain", "--bundle", responding_bundle, *two, "--p", 0.3, *named, *out)
    refused(done, "--p is LPEL's own", method or "responses", "--method lpel")
    assert list(tmp_path.iterdir()) == []


def test_responses_without_a_response_decoder_are_refused(tiny_bundle, two):
    done = lpel("explain", "--bundle", tiny_bundle, *two, "--method", "responses")
    refused(done, "no response decoder", "lpel train --method responses")


def test_the_same_seed_explains_alike(tiny_bundle, two):
    explain = ("explain", "--bundle", tiny_bundle, *two, "--json", "--method", "occlusion")
    first, again, other = (lpel(*explain, "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again
    assert json.loads(first)["agreement"] != json.loads(other)["agreement"]


def test_a_method_that_cannot_be_used_ends_with_one_sentence(
    tiny_bundle, strict_bundle, two, strangers, tmp_path
):
    out = ("--out", tmp_path / "out", "--json")
    unknown = lpel("explain", "--bundle", tiny_bundle, *two, "--method", "nonsense", *out)
    refused(unknown, "no method is called 'nonsense'", *methods())
    dissimilar = lpel("explain", "--bundle", strict_bundle, *strangers, "--method", "emsnn", *out)
    refused(dissimilar, "EMSNN", "called dissimilar", "choose another method")
    assert list(tmp_path.iterdir()) == []
