import hashlib
import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from lpel_export.bundle.writer import (
    DecoderModel,
    ResponseModel,
    SurrogateModel,
    with_embedder,
    write_bundle,
    write_with_explainer,
)
from lpel_export.conversion.parity import Parity
from lpel_export.explainer import build_explainer
from lpel_export.support.errors import ModelShapeError
from lpel_serving import Explainer
from lpel_serving.bundle.folder import check_replaceable, put_copy
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import (
    DecoderRecord,
    EmbedderRecord,
    ResponseRecord,
    ThresholdRecord,
)
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.support.errors import BundleError, OutputError
from lpel_serving.support.image_shape import square
from support import tiny, tiny_surrogate
from support.confidence import confidence
from support.folders import names_in
from support.full_files import files_of_at_most
from support.images import pixels

EMBEDDER = tiny.embedder_model().SerializeToString()
DECODER = tiny.decoder_model().SerializeToString()
PARITY = {
    "embedder": Parity(2e-7, 1e-5, (1, 33), 33, "33 face crops"),
    "decoder": Parity(3e-7, 1e-5, (1, 12), 12, "embeddings of 12 faces"),
}
TRAINING = {"method": "Adamax", "history": [{"train": 0.5, "validation": 0.25}]}


def decoder_of(model: bytes) -> DecoderModel:
    return DecoderModel(model, DecoderRecord(square(tiny.TARGET_SIZE), TRAINING))


def write(folder, **changes):
    wanted = {
        "embedder": EMBEDDER,
        "decoder": decoder_of(DECODER),
        "embedder_record": EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit"),
        "crop": "none",
        "threshold": ThresholdRecord(0.25, {"how": "made up"}),
        "parity": PARITY,
    }
    return write_bundle(folder, **(wanted | changes))


BUNDLE_FILES = ["decoder.onnx", "embedder.onnx", "manifest.json"]


def test_a_written_bundle_loads_and_says_what_it_was_given(tmp_path):
    manifest = write(tmp_path / "bundle")
    assert names_in(tmp_path) == ["bundle"]
    assert names_in(tmp_path / "bundle") == BUNDLE_FILES
    loaded = load_bundle(tmp_path / "bundle")
    assert (loaded.embedder, loaded.decoder) == (EMBEDDER, DECODER)
    assert loaded.manifest.embedder == manifest.embedder
    assert loaded.manifest.threshold == ThresholdRecord(0.25, {"how": "made up"})
    assert loaded.manifest.decoder.training == TRAINING
    assert loaded.manifest.crop == "none"
    assert loaded.manifest.created_by.startswith("lpel-tf ")


def test_the_manifest_holds_size_and_hash_of_every_file_and_the_parity(tmp_path):
    write(tmp_path / "bundle")
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in (("embedder.onnx", EMBEDDER), ("decoder.onnx", DECODER))
    }
    assert manifest["parity"]["embedder"] == {
        "max_difference": 2e-7,
        "tolerance": 1e-5,
        "batch_sizes": [1, 33],
        "samples": 33,
        "inputs": "33 face crops",
        "scale": 1.0,
    }


def test_a_written_bundle_explains(tmp_path):
    write(tmp_path / "bundle")
    pair = Explainer.load(tmp_path / "bundle").explain(pixels(0), pixels(1))
    assert pair.forward.heat_map.shape == (tiny.TARGET_SIZE, tiny.TARGET_SIZE)


def test_missing_folders_above_are_made(tmp_path):
    write(tmp_path / "a" / "b" / "bundle")
    assert names_in(tmp_path / "a" / "b") == ["bundle"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "bundle").mkdir()
    write(tmp_path / "bundle")
    assert names_in(tmp_path / "bundle") == BUNDLE_FILES
    assert names_in(tmp_path) == ["bundle"]


def test_a_bundle_that_stands_there_is_replaced_whole(tmp_path):
    write(tmp_path / "bundle", threshold=ThresholdRecord(0.1, {"how": "old"}))
    write(tmp_path / "bundle", threshold=ThresholdRecord(0.9, {"how": "new"}))
    assert names_in(tmp_path) == ["bundle"]
    assert load_bundle(tmp_path / "bundle").manifest.threshold.value == 0.9


def test_a_damaged_bundle_is_replaced(tmp_path):
    write(tmp_path / "bundle")
    (tmp_path / "bundle" / "embedder.onnx").write_bytes(b"damaged")
    write(tmp_path / "bundle")
    assert load_bundle(tmp_path / "bundle").embedder == EMBEDDER


def test_a_bundle_behind_a_link_is_replaced_without_leftovers(tmp_path):
    write(tmp_path / "real", threshold=ThresholdRecord(0.1, {"how": "old"}))
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    write(tmp_path / "link", threshold=ThresholdRecord(0.9, {"how": "new"}))
    assert load_bundle(tmp_path / "link").manifest.threshold.value == 0.9
    assert names_in(tmp_path) == ["link", "real"]


def test_the_folder_that_one_stands_in_can_be_named_by_a_dot(tmp_path, monkeypatch):
    (tmp_path / "bundle").mkdir()
    monkeypatch.chdir(tmp_path / "bundle")
    write(Path())
    assert load_bundle(tmp_path / "bundle").decoder == DECODER
    assert names_in(tmp_path) == ["bundle"]


# --- with a response decoder ---

RESPONSES = ResponseModel(
    tiny.responses_model().SerializeToString(), ResponseRecord(tiny.SIDE, {"coalitions": 8})
)


def test_a_bundle_may_have_a_response_decoder(tmp_path):
    parity = PARITY | {"responses": PARITY["decoder"]}
    written = write(tmp_path / "bundle", responses=RESPONSES, parity=parity)
    assert names_in(tmp_path / "bundle") == sorted([*BUNDLE_FILES, "responses.onnx"])
    loaded = load_bundle(tmp_path / "bundle")
    assert (loaded.embedder, loaded.decoder) == (EMBEDDER, DECODER)
    assert loaded.responses == RESPONSES.model
    assert loaded.manifest.responses == written.responses == RESPONSES.record
    text = (tmp_path / "bundle" / "manifest.json").read_text()
    assert text == written.to_json()
    manifest = json.loads(text)
    assert manifest["responses"] == {"side": tiny.SIDE, "training": {"coalitions": 8}}
    assert manifest["parity"].keys() == {"embedder", "decoder", "responses"}
    assert manifest["files"]["responses.onnx"] == {
        "sha256": hashlib.sha256(RESPONSES.model).hexdigest(),
        "bytes": len(RESPONSES.model),
    }
    assert Explainer.load(tmp_path / "bundle").responds


SURROGATE = SurrogateModel(tiny_surrogate.graphs(), tiny_surrogate.RECORD)


def test_a_bundle_may_have_a_surrogate(tmp_path):
    embedder = tiny_surrogate.embedder_model().SerializeToString()
    written = write(tmp_path / "bundle", embedder=embedder, surrogate=SURROGATE)
    loaded = load_bundle(tmp_path / "bundle")
    assert loaded.surrogate == SURROGATE.graphs
    assert loaded.manifest.surrogate == written.surrogate == SURROGATE.record
    assert Explainer.load(tmp_path / "bundle").simulates
    whole = write_with_explainer(tmp_path / "whole", loaded, build_explainer(loaded, "lpel"))
    assert whole.files.keys() == loaded.manifest.files.keys() | {"explainer.onnx"}
    assert whole.identity == loaded.manifest.identity
    assert Explainer.load(tmp_path / "whole").simulates


def test_a_surrogate_without_local_features_is_not_written(tmp_path):
    with pytest.raises(ModelShapeError, match="needs an embedder with the output local_features"):
        write(tmp_path / "bundle", surrogate=SURROGATE)
    assert names_in(tmp_path) == []


def test_a_bundle_without_one_says_nothing_of_it(tmp_path):
    written = write(tmp_path / "bundle")
    assert written.responses is None
    text = written.to_json()
    assert "responses" not in text
    assert "null" not in text
    assert (tmp_path / "bundle" / "manifest.json").read_text() == text
    assert load_bundle(tmp_path / "bundle").responses is None


def test_a_bundle_with_one_is_replaced_by_one_without_and_back(tmp_path):
    for responses in (RESPONSES, None, RESPONSES):
        write(tmp_path / "bundle", responses=responses)
        assert names_in(tmp_path) == ["bundle"]
        assert ("responses.onnx" in names_in(tmp_path / "bundle")) is (responses is not None)
        assert Explainer.load(tmp_path / "bundle").responds is (responses is not None)


def test_a_response_decoder_with_its_weights_elsewhere_is_not_put_in_place(tmp_path):
    write(tmp_path / "bundle", responses=RESPONSES)
    with pytest.raises(BundleError, match=r"responses\.onnx keeps tensors in other files"):
        write(
            tmp_path / "bundle",
            responses=ResponseModel(with_external_data(), RESPONSES.record),
        )
    assert load_bundle(tmp_path / "bundle").responses == RESPONSES.model


# --- with a confidence ---


def test_a_bundle_may_have_a_confidence(tmp_path):
    written = write(tmp_path / "bundle", confidence=confidence())
    manifest = load_bundle(tmp_path / "bundle").manifest
    assert manifest.confidence == written.confidence == confidence()
    assert manifest.identity == write(tmp_path / "without").identity


def test_an_explainer_is_of_its_bundle_whatever_the_confidence(tmp_path):
    write(tmp_path / "bundle", confidence=confidence())
    bundle = load_bundle(tmp_path / "bundle")
    written = write_with_explainer(tmp_path / "bundle", bundle, build_explainer(bundle))
    assert written.confidence == confidence()
    manifest = load_bundle(tmp_path / "bundle").manifest
    put_copy(tmp_path / "bundle", tmp_path / "anew", replace(manifest, confidence=None))
    for folder in (tmp_path / "bundle", tmp_path / "anew"):
        assert check_bundle(folder)[-1].passed
        assert check_bundle(folder)[-1].name == "explainer.onnx"


def test_another_embedder_keeps_the_confidence_and_says_whose_it_was(tmp_path):
    write(tmp_path / "bundle", confidence=confidence("some pairs"))
    bundle = load_bundle(tmp_path / "bundle")
    record = replace(bundle.manifest.embedder, name="tiny, int8")
    kept = with_embedder(bundle, EMBEDDER, record, {}).manifest.confidence
    assert kept.calibration == confidence().calibration
    assert kept.reliability == confidence().reliability
    assert kept.fitted["how"].endswith("on some pairs; by the similarities of tiny")
    assert bundle.manifest.confidence.fitted["how"].endswith("on some pairs")


def test_another_embedder_gives_no_confidence_where_there_was_none(tmp_path):
    write(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    new = with_embedder(bundle, EMBEDDER, bundle.manifest.embedder, {})
    assert new.manifest.confidence is None


# --- what is left alone --------------------------------------------------------------------------


def folder_of_photographs(path):
    path.mkdir()
    (path / "holiday.jpg").write_bytes(b"precious")


def foreign_manifest(path):
    """A web application's folder, which has a manifest.json as well."""
    folder_of_photographs(path)
    (path / "manifest.json").write_text('{"name": "my web application", "start_url": "."}')


def bundle_with_a_guest(path):
    write(path)
    (path / "holiday.jpg").write_bytes(b"precious")


FOREIGN = {
    "a folder of photographs": folder_of_photographs,
    "a folder with a manifest of something else": foreign_manifest,
    "a bundle with somebody's photograph in it": bundle_with_a_guest,
    "a file": lambda path: path.write_bytes(b"precious"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_only_a_bundle_is_left_alone(make, tmp_path):
    make(tmp_path / "there")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(OutputError, match="choose another") as caught:
        write(tmp_path / "there")
    assert isinstance(caught.value, OSError)
    assert str(tmp_path / "there") in str(caught.value)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_only_a_bundle_is_refused_before_the_work_starts(make, tmp_path):
    make(tmp_path / "there")
    with pytest.raises(OutputError):
        check_replaceable(tmp_path / "there")


def test_a_new_name_an_empty_folder_and_a_bundle_may_be_written(tmp_path):
    check_replaceable(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty")
    write(tmp_path / "bundle")
    check_replaceable(tmp_path / "bundle")


# --- when writing fails --------------------------------------------------------------------------


def with_external_data():
    model = tiny.decoder_model()
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="elsewhere.bin")
    return model.SerializeToString()


def test_a_failed_write_leaves_nothing_and_the_old_bundle_as_it_was(tmp_path):
    write(tmp_path / "bundle", threshold=ThresholdRecord(0.1, {"how": "old"}))
    with files_of_at_most(1000), pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "bundle", threshold=ThresholdRecord(0.9, {"how": "new"}))
    assert names_in(tmp_path) == ["bundle"]
    assert load_bundle(tmp_path / "bundle").manifest.threshold.value == 0.1


def test_a_failed_first_write_leaves_no_folder(tmp_path):
    with files_of_at_most(1000), pytest.raises(OutputError):
        write(tmp_path / "bundle")
    assert names_in(tmp_path) == []


def test_a_bundle_that_would_not_load_is_not_put_in_place(tmp_path):
    write(tmp_path / "bundle")
    with pytest.raises(BundleError):
        write(tmp_path / "bundle", decoder=decoder_of(with_external_data()))
    assert names_in(tmp_path) == ["bundle"]
    assert load_bundle(tmp_path / "bundle").decoder == DECODER


def test_a_file_where_a_folder_must_be_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "file" / "bundle")
    assert names_in(tmp_path) == ["file"]


def test_a_bundle_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    write(tmp_path / "bundle", threshold=ThresholdRecord(0.1, {"how": "old"}))
    rename = Path.rename

    def refuse_the_new_one(self, target):
        if self.name.endswith(".partial"):
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse_the_new_one)
        with pytest.raises(OutputError, match="Permission denied"):
            write(tmp_path / "bundle", threshold=ThresholdRecord(0.9, {"how": "new"}))
    assert names_in(tmp_path) == ["bundle"]
    assert load_bundle(tmp_path / "bundle").manifest.threshold.value == 0.1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_manifest_that_is_no_json_is_not_written(value, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "bundle", threshold=ThresholdRecord(value, {}))
    assert names_in(tmp_path) == []
