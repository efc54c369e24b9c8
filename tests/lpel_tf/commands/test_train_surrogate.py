"""`lpel train --method surrogate`, with a tiny network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lpel_serving import Explainer
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.support.errors import ParameterError
from lpel_tf.commands.training_plans import surrogate_plan
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import reproduction
from support.command import lpel
from support.folders import names_in
from support.tiny_training import lpel_tiny

TINY = [sys.executable, "-m", "support.tiny_training"]
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "LPEL_TINY": "layers"}
PEOPLE, EACH = 12, 5


def in_a_process(*arguments):
    tests = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        list(map(str, [*TINY, *arguments])),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": path},
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return reproduction.write_faces(tmp_path_factory.mktemp("command") / "faces", PEOPLE, EACH)


def training(faces, out, cache, *more):
    return [
        *("train", "--faces", faces, "--out", out, "--cache", cache, "--crop", "none"),
        *("--method", "surrogate", "--coalitions", 4, "--grid", 4, "--epochs", 2),
        *("--table-coalitions", 8, "--split", "identity", *more),
    ]


@pytest.fixture(scope="module")
def trained(faces, tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    return in_a_process(*training(faces, root / "bundle", root / "cache", "--json")), root


def test_a_training_prints_one_document_with_all_three(trained):
    done, root = trained
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document)[:5] == ["bundle", "training", "responses", "surrogate", "threshold"]
    surrogate = document["surrogate"]
    assert (surrogate["table"]["side"], surrogate["table"]["coalitions"]) == (4, 8)
    assert surrogate["photographs"] == document["training"]["photographs"]
    assert set(surrogate["unexplained"]) == {
        "surrogate",
        "without_local_features",
        "responses",
    }
    parity = {"embedder", "decoder", "responses", "surrogate", "local_features"}
    assert set(document["parity"]) == parity
    names = ["decoder", "embedder", "responses", "simulation", "surrogate"]
    assert names_in(root / "bundle") == sorted([*(f"{n}.onnx" for n in names), "manifest.json"])
    assert names_in(root) == ["bundle", "cache"], "no checkpoint is left"
    assert len(names_in(root / "cache" / "embeddings")) == 4


def test_the_trained_bundle_simulates_and_explains_as_before(trained, faces):
    explainer = Explainer.load(trained[1] / "bundle")
    assert explainer.manifest.surrogate.fills == ("normal", "mean", "blur", "transplant")
    first, *_, last = sorted(faces.glob("*/*.png"))
    pair = explainer.explain(first, last, method=find_method("responses"))
    assert pair.forward.heat_map.std() > 0


@pytest.fixture(scope="module")
def other(trained, faces):
    """In int8, with fills of the user's own."""
    root = trained[1]
    fills = ("--fill", "mean", "--fill", "white", "--table-coalitions", 12)
    arguments = training(faces, root / "other", root / "cache", "--table-precision", "int8", *fills)
    return lpel_tiny(*arguments, **ENVIRONMENT), root


def test_in_words_it_says_what_is_predicted_and_int8_goes_into_the_manifest(other):
    done, root = other
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "The surrogate predicts " in said or "The surrogate is no better than none" in said
    assert "take from the embeddings of" in said
    manifest = json.loads((root / "other" / "manifest.json").read_text())
    assert manifest["surrogate"]["training"]["table"]["precision"] == "int8"


def test_the_fills_of_both_tables_are_the_users_and_can_be_asked_about(other, faces):
    explainer = Explainer.load(other[1] / "other")
    record = explainer.manifest
    assert record.surrogate.fills == ("mean", "white", "transplant")
    table = record.responses.training["table"]
    assert [fill["name"] for fill in table["fills"]] == ["mean", "white"]
    first, *_, last = sorted(faces.glob("*/*.png"))
    by_mean, by_white = (
        explainer.explain(first, last, method=find_method("surrogate", **fill))
        for fill in ({}, {"fill": "white"})
    )
    assert (by_mean.forward.heat_map != by_white.forward.heat_map).any()
    with pytest.raises(ParameterError, match="knows the fills mean, white, transplant"):
        explainer.explain(first, last, method=find_method("surrogate", fill="blur"))


def test_a_surrogate_has_8_coalitions_for_each_fill_unless_told_otherwise():
    def table(*fills):
        plan = surrogate_plan(True, list(fills), rounds=1, coalitions=None, side=8, seed=0)
        return plan.table

    assert table() == SurrogateTableSettings()
    assert table("mean").coalitions == 16
    assert table("mean", "white", "black", "grey").coalitions == 40
    assert table("normal", "mean", "blur").key == SurrogateTableSettings().key


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "responses", "--table-coalitions", 8), "goes with --method surrogate"),
        (("--method", "lpel", "--table-precision", "int8"), "goes with --method surrogate"),
        (("--method", "surrogate", "--table-coalitions", 12), "a multiple of 8"),
        (("--method", "surrogate", "--table-precision", "int4"), "--table-precision"),
        (("--method", "lpel", "--fill", "white"), "goes with --method responses or surrogate"),
        (("--method", "responses", "--fill", "pink"), "no fill is called 'pink'"),
        (("--method", "responses", "--fill", "grey", "--fill", "grey"), "received grey again"),
        (("--method", "surrogate", "--fill", "white"), "needs the fill mean"),
        (
            ("--method", "surrogate", "--fill", "mean", "--table-coalitions", 10),
            "a multiple of 4",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(options, said, faces, tmp_path):
    plain = ("train", "--faces", faces, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    done = lpel(*plain, *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == []
