"""Local features as a second output: what numpy computes, and the embedding as it was."""

import numpy as np
import onnx
import onnxruntime
import pytest

from lpel_export.local_features.averaging import averaging
from lpel_export.local_features.grid import averaged
from lpel_export.local_features.layer import Layer
from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.parity import check_local_features
from lpel_export.local_features.second_output import (
    Reduction,
    has_local_features,
    reduction,
    take_out,
    with_averages,
    with_local_features,
    without_local_features,
)
from lpel_export.precision.choice import in_precision
from lpel_export.support.errors import ConversionError, ParityError
from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import square
from support.convolutional import COARSE, DIMENSION, FINE, METADATA, SIZE, crops, embedder

pytestmark = pytest.mark.parity

SIDE, CHANNELS = 8, 5
ALL = COARSE[0] + FINE[0]


def drawn(seed: int = 3) -> Reduction:
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=ALL), rng.uniform(0.5, 2, ALL)
    return reduction(
        *(a.astype(np.float32) for a in (mean, scale, rng.normal(size=(ALL, CHANNELS))))
    )


def run(model: bytes, outputs: list[str], given: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options).run(outputs, {"image": given})


BOTH = ["embedding", "local_features"]


@pytest.mark.parametrize("places", range(8, 40))
def test_averages_are_means_of_what_a_superpixel_touches(places):
    weights = averaging(places, SIDE)
    expected = np.zeros_like(weights)
    for i in range(SIDE):
        touched = [p for p in range(places) if p < (i + 1) * places / 8 and p + 1 > i * places / 8]
        expected[touched, i] = 1 / len(touched)
    np.testing.assert_allclose(weights, expected, atol=1e-7)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)


def test_seventeen_places_are_averaged_in_windows_of_three():
    values = np.random.default_rng(0).normal(size=(2, 17, 17, 4)).astype(np.float32)
    found = averaged(values, Layer("x", 4, 17, 17, "NHWC"), 8).reshape(2, 8, 8, 4)
    np.testing.assert_allclose(found[1, 2, 7], values[1, 4:7, 14:17].mean(axis=(0, 1)), atol=1e-6)
    with pytest.raises(ParameterError, match="cannot be averaged to 8 superpixels"):
        averaging(7, 8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_local_features_are_what_numpy_computes_and_embeddings_keep_their_bytes(layout):
    model = embedder(layout)
    layers, reduced = choose_layers(model, SIDE), drawn()
    given = with_local_features(model, layers, SIDE, reduced)
    report = check_local_features(given, layers, SIDE, reduced, crops(3))
    assert report["max_difference"] < 1e-5
    assert report["samples"] == 3
    embedding, local = run(given, BOTH, crops(3))
    assert local.shape == (3, SIDE**2, CHANNELS)
    assert embedding.tobytes() == run(model, ["embedding"], crops(3))[0].tobytes()
    (raw,) = run(with_averages(model, layers, SIDE), ["local_features"], crops(3))
    assert raw.shape == (3, SIDE**2, ALL)
    np.testing.assert_allclose(local, reduced(raw), atol=1e-5)


def test_both_layouts_have_the_same_features():
    first, last = (
        run(with_averages(m, choose_layers(m, SIDE), SIDE), ["local_features"], crops(2))[0]
        for m in (embedder(), embedder("NHWC"))
    )
    np.testing.assert_allclose(first, last, atol=1e-6)


def test_grids_other_than_a_layers_own_are_averaged():
    model = embedder()
    layers = choose_layers(model, 5, ["block2/out", "block1/out"])
    reduced = drawn()
    given = with_local_features(model, layers, 5, reduced)
    check_local_features(given, layers, 5, reduced, crops(2))
    assert run(given, BOTH, crops(2))[1].shape == (2, 25, CHANNELS)


def test_what_stays_and_what_is_declared():
    model = embedder()
    given = onnx.load_from_string(
        with_local_features(model, choose_layers(model, SIDE), SIDE, drawn())
    )
    before = onnx.load_from_string(model)
    assert list(given.graph.node)[: len(before.graph.node)] == list(before.graph.node)
    assert {entry.key: entry.value for entry in given.metadata_props} == METADATA
    assert [(entry.domain, entry.version) for entry in given.opset_import] == [("", 17)]
    assert given.ir_version == before.ir_version
    shape = given.graph.output[1].type.tensor_type.shape.dim
    assert [one.dim_param or one.dim_value for one in shape] == ["batch", SIDE**2, CHANNELS]
    opened = Embedder(
        given.SerializeToString(),
        EmbedderRecord("c", square(SIZE), DIMENSION, "none"),
        CentreCrop(),
    )
    assert opened.local_shape == (SIDE**2, CHANNELS)
    found = opened.features(crops(5), batch_size=2)
    assert found.embeddings.tobytes() == opened.embed(crops(5), 2).tobytes()


def test_the_same_arguments_give_the_same_bytes_and_features_are_replaced():
    model = embedder()
    layers = choose_layers(model, SIDE)
    given = with_local_features(model, layers, SIDE, drawn())
    assert with_local_features(model, layers, SIDE, drawn()) == given
    assert with_local_features(given, layers, SIDE, drawn()) == given
    assert choose_layers(given, SIDE) == layers
    assert has_local_features(given)
    assert without_local_features(model) == model
    alone = without_local_features(given)
    assert onnx.load_from_string(alone) == onnx.load_from_string(model)


@pytest.mark.parametrize("precision", ["float16", "int8"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_lower_precision_keeps_both_outputs_in_float32(precision, layout):
    model = embedder(layout)
    layers, reduced, examples = choose_layers(model, SIDE), drawn(), crops(12)
    given = with_local_features(model, layers, SIDE, reduced)
    lowered = in_precision(given, precision, examples)
    before, after = run(given, BOTH, examples), run(lowered, BOTH, examples)
    assert [one.dtype for one in after] == [np.float32] * 2
    assert [one.shape for one in after] == [one.shape for one in before]
    spread = before[1].std()
    near = 0.02 if precision == "float16" else 0.3
    assert np.abs(after[1] - before[1]).max() < near * spread
    alone = in_precision(model, precision, examples)
    assert run(alone, ["embedding"], examples)[0].tobytes() == after[0].tobytes()
    declared = onnx.load_from_string(lowered)
    assert [one.name for one in declared.graph.output] == BOTH
    assert {entry.key: entry.value for entry in declared.metadata_props} == METADATA
    assert in_precision(given, precision, examples) == lowered
    assert without_local_features(lowered) != lowered


def test_float32_is_as_it_was():
    model = embedder()
    given = with_local_features(model, choose_layers(model, SIDE), SIDE, drawn())
    assert in_precision(given, "float32") == given


def test_what_is_taken_out_can_be_put_back():
    model = embedder()
    given = with_local_features(model, choose_layers(model, SIDE), SIDE, drawn())
    apart = take_out(given)
    assert apart.model == without_local_features(given)
    assert [one.name for one in apart.layers] == ["block2/out", "block1/out"]
    back = apart.put_back(apart.with_layers)
    assert run(back, BOTH, crops(2))[1].tobytes() == run(given, BOTH, crops(2))[1].tobytes()


def test_a_reduction_folds_standardisation_and_projection():
    rng = np.random.default_rng(1)
    values = rng.normal(3, 2, size=(2, 4, ALL)).astype(np.float32)
    mean, scale = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    projection = rng.normal(size=(ALL, CHANNELS)).astype(np.float32)
    expected = (values - mean) / scale @ projection
    np.testing.assert_allclose(reduction(mean, scale, projection)(values), expected, atol=1e-4)


def test_wrong_reductions_are_refused():
    model = embedder()
    layers, right = choose_layers(model, SIDE), drawn()
    for wrong in (
        Reduction(right.matrix[1:], right.bias),
        Reduction(right.matrix, right.bias[1:]),
        Reduction(right.matrix * np.float32("nan"), right.bias),
    ):
        with pytest.raises(ParameterError, match=r"expected a finite matrix of shape \(16, C\)"):
            with_local_features(model, layers, SIDE, wrong)


def test_layers_of_another_model_are_refused():
    other = [Layer("elsewhere", ALL, 8, 8, "NCHW")]
    with pytest.raises(ConversionError, match="from this very model"):
        with_local_features(embedder(), other, SIDE, drawn())


def test_a_parity_that_fails_is_said():
    model = embedder()
    layers = choose_layers(model, SIDE)
    given = with_local_features(model, layers, SIDE, drawn())
    with pytest.raises(ParityError, match="differ from numpy's by"):
        check_local_features(given, layers, SIDE, drawn(seed=4), crops(2))


def test_facenet_shows_the_layers_that_it_is_known_by(demo_folder, real_crops):
    model = (demo_folder / "bundle" / "embedder.onnx").read_bytes()
    layers = choose_layers(without_local_features(model), SIDE)
    assert [(one.channels, one.height, one.width, one.layout) for one in layers] == [
        (896, 8, 8, "NCHW"),
        (256, 17, 17, "NCHW"),
    ]
    assert "Block17_10_Activation" in layers[0].name
    assert "Block35_5_Activation" in layers[1].name
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(1152, 16)) / 34).astype(np.float32)
    reduced = Reduction(matrix, np.zeros(16, np.float32))
    given = with_local_features(model, layers, SIDE, reduced)
    check_local_features(given, layers, SIDE, reduced, real_crops[:2])
