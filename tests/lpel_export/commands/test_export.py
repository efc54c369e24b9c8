"""`lpel export` as a user runs it."""

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lpel_export.bundle.writer import write_with_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from support import tiny
from support.command import lpel, lpel_process, refused
from support.images import write_people

SILENT = onnxruntime.SessionOptions()
SILENT.log_severity_level = 3


export = partial(lpel, "export")


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def bundle(tmp_path):
    return tiny.write_bundle(tmp_path / "bundle", responds=True)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("export") / "faces", people=6, each=5)


def test_a_bundle_gets_its_explainer_and_stays_what_it_was(bundle, tmp_path):
    before = everything(bundle)
    done = lpel_process("export", "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    after = everything(bundle)
    assert set(after) - set(before) == {"explainer.onnx"}
    assert all(after[name] == data for name, data in before.items() if name != "manifest.json")
    manifest = load_bundle(bundle).manifest
    digest = hashlib.sha256(after["explainer.onnx"]).hexdigest()
    assert manifest.files["explainer.onnx"].sha256 == digest
    session = onnxruntime.InferenceSession(after["explainer.onnx"], SILENT)
    about = session.get_modelmeta().custom_metadata_map
    assert about["bundle_sha256"] == hashlib.sha256(before["manifest.json"]).hexdigest()
    assert about["method"] == "responses"
    Explainer.load(bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_check_knows_whether_the_file_is_of_this_bundle(bundle, tmp_path):
    assert export("--bundle", bundle).returncode == 0
    done = lpel("bundle", "check", bundle)
    assert done.returncode == 0, done.stdout
    assert "was made of this bundle, explains by responses" in done.stdout
    other = tiny.write_bundle(tmp_path / "other", responds=True, crop="0.5")
    assert export("--bundle", other).returncode == 0
    stolen = (other / "explainer.onnx").read_bytes()
    write_with_explainer(bundle, load_bundle(bundle), stolen)
    done = lpel("bundle", "check", bundle)
    assert done.returncode == 1
    assert "it was made of another bundle" in done.stdout


def test_exporting_again_changes_nothing(bundle):
    assert export("--bundle", bundle).returncode == 0
    once = everything(bundle)
    assert export("--bundle", bundle).returncode == 0
    assert everything(bundle) == once


def test_out_leaves_the_bundle_alone_and_json_is_one_document(bundle, tmp_path):
    before = everything(bundle)
    out = tmp_path / "new"
    done = export("--bundle", bundle, "--out", out, "--method", "lpel", "--any-size", "--json")
    document = json.loads(done.stdout)
    assert everything(bundle) == before
    assert document["bundle"] == str(out)
    explainer = (out / "explainer.onnx").read_bytes()
    assert document["explainer"] == hashlib.sha256(explainer).hexdigest()
    assert set(document["files"]) == {
        str(out / name)
        for name in ("embedder.onnx", "decoder.onnx", "responses.onnx", "explainer.onnx")
    }
    session = onnxruntime.InferenceSession(explainer, SILENT)
    assert session.get_modelmeta().custom_metadata_map["method"] == "lpel"
    face = np.zeros((1, 23, 23, 3), np.uint8)
    assert session.run(["similar"], {"reference": face, "test": face})[0].shape == (1,)


def test_templates_lie_outside_the_bundle_with_a_warning(bundle, tmp_path):
    done = export("--bundle", bundle, "--templates", tmp_path / "templates.onnx")
    assert done.returncode == 0, done.stderr
    assert "guard it as photographs" in done.stdout
    session = onnxruntime.InferenceSession(tmp_path / "templates.onnx", SILENT)
    assert [one.name for one in session.get_inputs()] == ["reference_embedding", "test_embedding"]
    before = everything(bundle)
    refused(export("--bundle", bundle, "--templates", bundle / "t.onnx"), "by accident")
    assert everything(bundle) == before


def test_triton_gets_a_repository_and_kserve_its_manifest(bundle, tmp_path):
    done = export("--bundle", bundle, "--triton", tmp_path / "models")
    assert done.returncode == 0, done.stderr
    models = tmp_path / "models"
    assert {path.name for path in models.iterdir() if path.is_dir()} == {
        *("embedder", "decoder", "responses", "explainer", "pipeline")
    }
    explainer = (models / "explainer/1/model.onnx").read_bytes()
    assert explainer == (bundle / "explainer.onnx").read_bytes()
    service = (tmp_path / "models-kserve.yaml").read_text()
    assert "kind: InferenceService" in service
    assert "pvc://lpel/models" in service


def test_a_bundle_with_a_surrogate_explains_by_it_in_another_fill_too(simulating_bundle, tmp_path):
    out, templates = tmp_path / "new", tmp_path / "templates.onnx"
    done = export(
        *("--bundle", simulating_bundle, "--out", out, "--fill", "blur", "--templates", templates)
    )
    assert done.returncode == 0, done.stderr
    said = [
        onnxruntime.InferenceSession(model, SILENT).get_modelmeta().custom_metadata_map
        for model in ((out / "explainer.onnx").read_bytes(), templates.read_bytes())
    ]
    assert (said[0]["method"], said[0]["fill"]) == ("surrogate", "blur")
    assert said[1]["method"] == "responses"  # which needs no photographs


def test_a_surrogate_cannot_see_templates_and_nothing_is_written(simulating_bundle, tmp_path):
    done = export(
        *("--bundle", simulating_bundle, "--out", tmp_path / "new", "--method", "surrogate"),
        *("--templates", tmp_path / "templates.onnx"),
    )
    refused(done, "responses, lpel, lpel-mended", "surrogate")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_fewer_bits_go_into_a_new_bundle_with_their_loss(bundle, faces, tmp_path, precision):
    out = tmp_path / "small"
    arguments = ("--bundle", bundle, "--out", out, "--precision", precision, "--faces", faces)
    done = export(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    manifest = load_bundle(out).manifest
    assert manifest.embedder.name == f"tiny, {precision}"
    report = manifest.parity["embedder"]
    assert report["precision"] == precision
    assert report["samples"] == report["calibrated_on"] == 15
    assert 0.99 < report["cosine_min"] <= report["cosine_mean"] <= 1
    assert json.loads(done.stdout)["parity"]["embedder"] == dict(report)
    crops = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    difference = Explainer.load(out).embed(crops) - Explainer.load(bundle).embed(crops)
    assert 0 < np.abs(difference).max() < 0.05
    refused(
        export(
            *("--bundle", out, "--out", tmp_path / "x", "--precision", precision), "--faces", faces
        ),
        "lower precision already",
    )


def test_photographs_without_a_face_do_not_count(bundle, faces, tmp_path):
    done = export(
        *("--bundle", bundle, "--out", tmp_path / "small", "--precision", "float16"),
        *("--faces", faces, "--crop", "mtcnn"),
    )
    assert done.returncode == 2
    assert "at least 8 faces" in done.stderr
    assert "received 0" in done.stderr
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "coalitions"), ("responses, lpel, lpel-mended", "coalitions")),
        (("--method", "surrogate"), ("no surrogate", "lpel train --method surrogate")),
        (("--method", "lpel", "--fill", "blur"), ("a fill is for the method surrogate",)),
        (("--precision", "int8"), ("--faces", "--out")),
        (("--precision", "float16", "--out", "new"), ("--faces",)),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(bundle, tmp_path, arguments, words):
    before = everything(bundle)
    refused(export("--bundle", bundle, *arguments), *words)
    assert everything(bundle) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_something_else_is_not_overwritten(bundle, tmp_path):
    place = tmp_path / "other"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    refused(export("--bundle", bundle, "--out", place), "other things than a bundle")
    refused(export("--bundle", tmp_path / "none"), "not a bundle")
    assert (place / "thesis.txt").read_text() == "mine"
