"""`lpel bundle inspect` and `lpel bundle check` as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving.bundle.card import card, facts
from lpel_serving.bundle.loading import load_bundle, read_manifest
from support import tiny
from support.command import lpel, lpel_process
from support.hostile import change


def test_inspect_tells_the_card_and_loads_no_model(bundle):
    (bundle / "embedder.onnx").write_bytes(b"altered")
    done = lpel_process("bundle", "inspect", bundle)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines == [str(bundle), *card(read_manifest(bundle))]
    assert "licence of the weights: not stated" in lines


def test_inspect_prints_one_json_document(bundle):
    change(bundle, "licence", to="CC BY 4.0")
    done = lpel("bundle", "inspect", bundle, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document == {"bundle": str(bundle), **facts(read_manifest(bundle))}
    assert document["licence"] == "CC BY 4.0"


def test_inspect_shows_what_a_terminal_would_obey(bundle):
    change(bundle, "embedder", "name", to="\x1b[2Jgood\nok  files\ud800\u202e")
    change(bundle, "decoder", "training", to={"\x07": "\x9b1m"})
    done = lpel("bundle", "inspect", bundle)
    assert done.returncode == 0, done.stderr
    assert r"embedder: \x1b[2Jgood\nok  files\ud800\u202e" in done.stdout
    assert r"  \x07: \x9b1m" in done.stdout
    assert all(letter.isprintable() or letter == "\n" for letter in done.stdout)
    assert (
        json.loads(lpel("bundle", "inspect", bundle, "--json").stdout)["embedder"]["name"][0]
        == "\x1b"
    )


def test_check_tells_each_check_in_a_line(bundle):
    done = lpel_process("bundle", "check", bundle)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    names = [line.split(":")[0].removeprefix("ok  ") for line in lines[:-1]]
    assert names == [
        "manifest", "embedder.onnx", "decoder.onnx", "responses.onnx", "folder", "crop",
        "sessions", "embedder", "decoder", "responses",
    ]  # fmt: skip
    assert "a grey image gives 6 finite numbers" in done.stdout
    assert "gives 8 by 8 by 3 finite numbers" in done.stdout
    assert "gives 16 by 6 finite numbers" in done.stdout
    assert lines[-1] == f"{bundle}: every check passed."


def test_check_of_a_bundle_without_responses_and_with_an_explainer(tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle")
    loaded = load_bundle(folder)
    write_with_explainer(folder, loaded, build_explainer(loaded))
    done = lpel("bundle", "check", folder, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["bundle"] == str(folder)
    assert document["passed"] is True
    names = [check["name"] for check in document["checks"]]
    assert "explainer.onnx" in names
    assert "responses" not in names
    assert all(check["passed"] for check in document["checks"])


def refused(folder: Path, name: str, *words: str) -> None:
    """Check that a bundle is refused with status 1, in words and as JSON, at this check."""
    done = lpel("bundle", "check", folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr == ""
    *_, last, verdict = done.stdout.splitlines()
    assert last.startswith(f"failed  {name}: ")
    assert verdict == f"{folder}: the bundle is refused."
    for word in words:
        assert word in last
    done = lpel("bundle", "check", folder, "--json")
    assert done.returncode == 1
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["passed"] is False
    assert [check["passed"] for check in document["checks"]].count(False) == 1
    assert document["checks"][-1]["name"] == name


def test_check_refuses_a_broken_manifest(bundle):
    change(bundle, "schema", to=99)
    refused(bundle, "manifest", "schema 99")


def test_check_refuses_altered_and_stray_files(bundle):
    (bundle / "stray").touch()
    refused(bundle, "files", "'stray'")
    (bundle / "stray").unlink()
    (bundle / "decoder.onnx").write_bytes(b"altered")
    refused(bundle, "files", "decoder.onnx", "altered")


def test_check_refuses_a_model_of_other_operators(tmp_path):
    model = tiny.embedder_model()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString())
    refused(folder, "files", "com.microsoft")


def test_check_refuses_a_crop_that_nobody_knows(bundle):
    change(bundle, "crop", to="oval")
    refused(bundle, "crop", "no crop is called 'oval'")


def test_check_refuses_models_that_do_not_open(tmp_path):
    model = tiny.embedder_model()
    model.graph.node[-1].op_type = "NoSuch"
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString())
    refused(folder, "sessions", "cannot load the model")


@pytest.mark.parametrize("name", ["embedder", "decoder", "responses"])
def test_check_refuses_models_that_give_nan(tmp_path, name):
    model = getattr(tiny, f"{name}_model")()
    output = model.graph.output[0].name
    model.graph.node[-1].output[0] = "finite"
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "nought"))
    model.graph.node.append(helper.make_node("Div", ["nought", "nought"], ["nan"]))
    model.graph.node.append(helper.make_node("Add", ["finite", "nan"], [output]))
    folder = tiny.write_bundle(
        tmp_path / "bundle", responds=True, **{name: model.SerializeToString()}
    )
    refused(folder, name, "NaN or infinity")


def test_check_refuses_a_model_of_another_type(tmp_path):
    model = tiny.embedder_model()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString())
    refused(folder, "sessions", "image as tensor(uint8)")


@pytest.mark.parametrize("action", ["inspect", "check"])
def test_a_folder_that_is_no_bundle_ends_with_one_sentence(tmp_path, action):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        done = lpel("bundle", action, path, "--json")
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith(f"lpel: {path} is not a bundle")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("inspect",), ("burn", "bundle"), (), ("check", "a", "b")])
def test_bad_usage_is_explained(arguments):
    done = lpel("bundle", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: lpel bundle" in done.stderr


@pytest.mark.weights
def test_the_demos_bundle_states_its_licence(demo_folder):
    done = lpel("bundle", "inspect", demo_folder / "bundle")
    assert done.returncode == 0, done.stderr
    assert "licence of the weights: MIT, as the FaceNet project has it; trained on MS-Celeb" in (
        done.stdout
    )
