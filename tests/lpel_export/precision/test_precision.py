"""Smaller precisions, on small convolutional networks that are made here."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export.precision.choice import PRECISIONS, in_precision, to_float16, to_int8
from lpel_export.precision.folding import fold_factors
from lpel_export.precision.network import load_network
from lpel_export.precision.observation import observe
from lpel_export.precision.rounding import round_weights, rounding_shift
from lpel_export.support.errors import ConversionError, ModelShapeError
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import ParameterError

SIDE, DIMENSION = 16, 6
METADATA = {"name": "small", "image_size": str(SIDE)}
CROPS = np.random.default_rng(5).integers(0, 256, (12, SIDE, SIDE, 3), dtype=np.uint8)


def network(*, convolutions=True, opset=17, odd=False, image=TensorProto.UINT8):
    """Pixels, standardised; two branches, scaled, added, joined; pooled, projected, normalised."""
    rng = np.random.default_rng(1)
    channels = 7 if odd else 8

    def draw(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    weights = {
        "mean": np.float32(127.5),
        "w1": draw(channels, 3, 3, 3),
        "b1": draw(channels, 1)[:, 0],
        "w2": draw(channels, channels, 3, 3),
        "tenth": np.array([0.1], np.float32),
        "w3": draw(4, channels, 1, 1),
        "b3": draw(4, 1)[:, 0],
        "axes": np.array([2, 3], np.int64),
        "kernel": draw(channels + 4, DIMENSION) if convolutions else draw(3, DIMENSION),
    }
    node = helper.make_node
    before = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Sub", ["float", "mean"], ["centred"]),
        node("Div", ["centred", "mean"], ["scaled"]),
        node("Transpose", ["scaled"], ["x"], perm=[0, 3, 1, 2]),
    ]
    middle = [
        node("Conv", ["x", "w1", "b1"], ["c1"], name="first", strides=[2, 2]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], name="second", pads=[1, 1, 1, 1]),
        node("Mul", ["c2", "tenth"], ["m2"], name="tenth"),
        node("Add", ["r1", "m2"], ["a2"]),
        node("Relu", ["a2"], ["r2"]),
        node("Conv", ["r2", "w3", "b3"], ["c3"], name="third"),
        node("Concat", ["r2", "c3"], ["both"], axis=1),
    ]
    after = [
        node("GlobalAveragePool", ["both" if convolutions else "x"], ["pooled"]),
        node("Squeeze", ["pooled", "axes"], ["flat"]),
        node("MatMul", ["flat", "kernel"], ["h"]),
        node("ReduceL2", ["h"], ["norm"], axes=[1]),
        node("Div", ["h", "norm"], ["embedding"]),
    ]
    graph = helper.make_graph(
        [*before, *(middle if convolutions else []), *after],
        "small",
        [helper.make_tensor_value_info("image", image, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def embed(model, crops=CROPS):
    return open_session(model, input_name="image", output_name="embedding").run(crops)


def in_int8(model=None, **options):
    return to_int8(network() if model is None else model, CROPS, **options)


SMALLER = {"float16": to_float16, "int8": in_int8}


@pytest.fixture(params=SMALLER)
def smaller(request):
    return SMALLER[request.param](network())


# --- what stays ----------------------------------------------------------------------------------


def test_a_smaller_model_keeps_its_inputs_and_outputs(smaller):
    given, model = onnx.load_from_string(network()), onnx.load_from_string(smaller)
    assert list(model.graph.input) == list(given.graph.input)
    assert list(model.graph.output) == list(given.graph.output)
    assert {entry.key: entry.value for entry in model.metadata_props} == METADATA
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("batch", [1, 3, 12])
def test_the_embeddings_are_nearly_the_same(batch, smaller):
    expected, received = embed(network(), CROPS[:batch]), embed(smaller, CROPS[:batch])
    assert received.dtype == np.float32
    cosines = (expected * received).sum(axis=1)
    assert cosines.min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(received, axis=1), 1, atol=1e-5)


def test_float16_is_near_to_its_precision():
    np.testing.assert_allclose(embed(to_float16(network())), embed(network()), atol=2e-3)


def test_float16_holds_every_weight_of_the_stretch_and_nothing_else():
    graph = onnx.load_from_string(to_float16(network())).graph
    types = {tensor.data_type for tensor in graph.initializer if tensor.dims}
    assert types == {TensorProto.FLOAT16, TensorProto.INT64}  # Squeeze's axes
    numbers = [tensor for tensor in graph.initializer if not tensor.dims]
    assert {tensor.data_type for tensor in numbers} == {TensorProto.FLOAT}  # of the preparation
    casts = [node.attribute[0].i for node in graph.node if node.op_type == "Cast"]
    assert casts == [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.FLOAT]


@pytest.mark.parametrize(("name", "tolerance"), [("float16", 2e-3), ("int8", 3e-2)])
@pytest.mark.parametrize("product", ["MatMul", "Gemm", "transposed Gemm"])
def test_a_network_without_convolutions_has_its_products_made_smaller(name, tolerance, product):
    model = onnx.load_from_string(network(convolutions=False))
    if product != "MatMul":
        node = next(node for node in model.graph.node if node.op_type == "MatMul")
        node.op_type = "Gemm"
    if product == "transposed Gemm":
        node.attribute.append(helper.make_attribute("transB", 1))
        kernel = next(t for t in model.graph.initializer if t.name == "kernel")
        turned = np.ascontiguousarray(numpy_helper.to_array(kernel).T)
        kernel.CopyFrom(numpy_helper.from_array(turned, "kernel"))
    model = model.SerializeToString()
    received = SMALLER[name](model)
    np.testing.assert_allclose(embed(received), embed(model), atol=tolerance)
    types = {len(t.dims): t.data_type for t in onnx.load_from_string(received).graph.initializer}
    assert types[2] == {"float16": TensorProto.FLOAT16, "int8": TensorProto.INT8}[name]


def test_int8_holds_the_weights_in_bytes_and_rectifies_by_rounding():
    graph = onnx.load_from_string(in_int8()).graph
    operations = [node.op_type for node in graph.node]
    assert operations.count("Conv") == 3
    assert "Relu" not in operations
    assert "Mul" not in operations
    by_rank = {len(t.dims): t.data_type for t in graph.initializer}
    assert by_rank[4] == TensorProto.INT8
    assert not any(len(t.dims) == 4 and t.data_type != TensorProto.INT8 for t in graph.initializer)
    types = {t.data_type for t in graph.initializer}
    assert TensorProto.UINT8 in types  # the zero points of activations


def test_nodes_that_are_kept_stay_float32():
    graph = onnx.load_from_string(in_int8(keep=["first", "third"])).graph
    kinds = [t.data_type for t in graph.initializer if len(t.dims) == 4]
    assert sorted(kinds) == sorted([TensorProto.FLOAT, TensorProto.INT8, TensorProto.FLOAT])
    expected = embed(network())
    assert (expected * embed(in_int8(keep=["first", "third"]))).sum(axis=1).min() > 0.999


def test_a_factor_that_is_kept_is_not_folded():
    model = in_int8(keep=["tenth"])
    assert "Mul" in {node.op_type for node in onnx.load_from_string(model).graph.node}
    assert (embed(network()) * embed(model)).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("opset", [13, 17, 19, 21])
def test_other_opsets_stay_what_they_are(opset):
    model = network(opset=min(opset, 17))
    if opset > 17:
        raised = onnx.version_converter.convert_version(onnx.load_from_string(model), opset)
        model = raised.SerializeToString()
    for made in (to_float16(model), in_int8(model)):
        assert onnx.load_from_string(made).opset_import[0].version == opset
        assert (embed(made) * embed(model)).sum(axis=1).min() > 0.999


# --- the same bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALLER)
def test_the_same_arguments_give_the_same_bytes(name):
    assert SMALLER[name](network()) == SMALLER[name](network())


def test_other_processes_give_the_same_bytes(tmp_path):
    (tmp_path / "model.onnx").write_bytes(network())
    np.save(tmp_path / "crops.npy", CROPS)
    code = (
        "import sys, hashlib, numpy as np; from pathlib import Path\n"
        "from lpel_export.precision.choice import in_precision\n"
        "folder = Path(sys.argv[1]); model = (folder / 'model.onnx').read_bytes()\n"
        "crops = np.load(folder / 'crops.npy')\n"
        "print([hashlib.sha256(in_precision(model, p, crops)).hexdigest()"
        " for p in ('float16', 'int8')])"
    )

    def run(seed):
        return subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert run("1") == run("2")


@pytest.mark.parametrize("name", SMALLER)
def test_no_file_is_left_and_nothing_is_printed(name, tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    SMALLER[name](network())
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_the_model_that_was_given_is_unharmed():
    model = network()
    before = embed(model)
    to_float16(model)
    in_int8(model)
    np.testing.assert_array_equal(embed(model), before)


# --- rounding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 8, 3, 3), (4, 3, 3, 3), (6, 7, 1, 1), (3, 1, 1, 1)])
def test_no_pair_of_rounded_weights_saturates_16_bits(shape):
    weights = np.random.default_rng(8).laplace(size=shape).astype(np.float32)
    rounded = round_weights(weights)
    columns = rounded.scales.reshape(-1, 1, 1, 1)
    whole = np.rint(rounded.weights / columns)
    np.testing.assert_allclose(whole * columns, rounded.weights, rtol=1e-6)
    assert np.abs(whole).max() <= 127
    rows = whole.transpose(0, 2, 3, 1).reshape(len(whole), -1)
    for row in rows:
        for a, b in zip(row[::2], [*row[1::2], 0], strict=False):
            highest = 255 * (max(a, 0) + max(b, 0))
            lowest = 255 * (min(a, 0) + min(b, 0))
            assert -(2**15) <= lowest <= highest < 2**15


def test_weights_are_rounded_by_half_a_step_at_most():
    weights = np.random.default_rng(9).normal(size=(4, 6, 3, 3)).astype(np.float32)
    rounded = round_weights(weights)
    steps = np.abs(weights - rounded.weights) / rounded.scales.reshape(-1, 1, 1, 1)
    assert steps.max() <= 0.5001
    # Between a step of 8 bits, and the one of 7 bits that is the usual remedy.
    largest = np.abs(weights).reshape(4, -1).max(axis=1)
    assert (rounded.scales >= largest / 127 * 0.9999).all()
    assert (rounded.scales <= largest / 63.4).all()


def test_a_channel_of_zeros_stays_zero():
    weights = np.zeros((2, 4, 1, 1), np.float32)
    weights[1] = 1
    rounded = round_weights(weights)
    assert np.isfinite(rounded.scales).all()
    np.testing.assert_array_equal(rounded.weights[0], 0)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_shift_is_what_rounding_takes_from_the_mean(groups):
    rng = np.random.default_rng(10)
    weights = rng.normal(size=(8, 4 // groups, 3, 3)).astype(np.float32)
    rounded = np.round(weights, 1)
    means = rng.uniform(size=4).astype(np.float32)
    expected = [
        sum(
            float(weights[o, c, i, j] - rounded[o, c, i, j])
            * means[o // (8 // groups) * (4 // groups) + c]
            for c in range(4 // groups)
            for i in range(3)
            for j in range(3)
        )
        for o in range(8)
    ]
    np.testing.assert_allclose(rounding_shift(weights, rounded, means, groups), expected, atol=1e-6)


def test_factors_are_folded_into_the_convolutions_before_them():
    model = load_network(network())
    for place, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}{place}"
    before = embed(model.SerializeToString())
    fold_factors(model.graph)
    assert "Mul" not in {node.op_type for node in model.graph.node}
    np.testing.assert_allclose(embed(model.SerializeToString()), before, atol=1e-6)


def test_what_is_observed_is_what_flows():
    model = load_network(network())
    seen = observe(model, ["scaled", "r1"], ["x", "r1"], CROPS)
    scaled = (CROPS.astype(np.float64) - 127.5) / 127.5
    np.testing.assert_allclose(seen.ranges["scaled"], (scaled.min(), scaled.max()), atol=1e-6)
    np.testing.assert_allclose(seen.means["x"], scaled.mean(axis=(0, 1, 2)), atol=1e-5)
    assert seen.ranges["r1"][0] == 0
    assert seen.means["r1"].shape == (8,)


# --- by name -------------------------------------------------------------------------------------


def test_the_first_of_several_convolutions_may_stay_float32():
    assert in_int8(keep_first=True) == in_int8(keep=["first"])


def test_a_precision_is_chosen_by_name():
    model = network()
    assert PRECISIONS == ("float32", "float16", "int8")
    assert in_precision(model, "float32", CROPS) == model
    assert in_precision(model, "float16") == to_float16(model)
    assert in_precision(model, "int8", CROPS) == in_int8(model, keep_first=True)


def test_other_precisions_are_refused():
    with pytest.raises(ParameterError, match="no precision is called 'int4'; there are: float32"):
        in_precision(network(), "int4", CROPS)
    with pytest.raises(ModelShapeError, match="int8 needs crops"):
        in_precision(network(), "int8", None)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "crops",
    [
        CROPS[:0],
        CROPS.astype(np.float32),
        CROPS[:, :8],
        CROPS[0],
        CROPS[..., :1],
    ],
    ids=["none", "floats", "not square", "one image", "grey"],
)
def test_crops_of_other_kinds_are_refused(crops):
    with pytest.raises(ModelShapeError, match=r"expected at least one face crop .*; received"):
        to_int8(network(), crops)


def with_loop():
    model = onnx.load_from_string(network())
    body = helper.make_graph(
        [helper.make_node("Identity", ["embedding"], ["again"])],
        "branch",
        [],
        [helper.make_tensor_value_info("again", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    both = {"then_branch": body, "else_branch": body}
    model.graph.node.append(helper.make_node("If", ["yes"], ["chosen"], **both))
    return model.SerializeToString()


def with_external_data():
    model = onnx.load_from_string(network())
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return model.SerializeToString()


@pytest.mark.parametrize("convert", SMALLER.values(), ids=SMALLER)
@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (b"no model at all", "not valid ONNX|not an ONNX model"),
        (b"", "not valid ONNX"),
        (with_loop(), "branches, loops or functions"),
        (with_external_data(), "tensors in other files"),
    ],
    ids=["not a model", "nothing", "branches", "external data"],
)
def test_what_is_no_plain_model_is_refused(convert, model, complaint):
    with pytest.raises(ModelShapeError, match=complaint):
        convert(model)


@pytest.mark.parametrize("convert", SMALLER.values(), ids=SMALLER)
@pytest.mark.parametrize("before", SMALLER.values(), ids=SMALLER)
def test_a_precision_is_not_reduced_twice(before, convert):
    with pytest.raises(ConversionError, match="start from the float32 export"):
        convert(before(network()))


@pytest.mark.parametrize("convert", SMALLER.values(), ids=SMALLER)
def test_an_old_opset_is_refused(convert):
    model = onnx.load_from_string(network())
    model.opset_import[0].version = 12
    axes = next(node for node in model.graph.node if node.op_type == "Squeeze")
    del axes.input[1:]
    axes.attribute.append(helper.make_attribute("axes", [2, 3]))
    with pytest.raises(ConversionError, match="expected an opset from 13, received 12"):
        convert(model.SerializeToString())


@pytest.mark.parametrize("convert", SMALLER.values(), ids=SMALLER)
def test_a_network_without_weights_is_refused(convert):
    model = onnx.load_from_string(network(convolutions=False))
    product = next(node for node in model.graph.node if node.op_type == "MatMul")
    model.graph.node.remove(product)
    next(node for node in model.graph.node if node.op_type == "ReduceL2").input[0] = "flat"
    next(node for node in model.graph.node if node.output[0] == "embedding").input[0] = "flat"
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3
    with pytest.raises(ModelShapeError, match=r"expected a network with .*MatMul"):
        convert(model.SerializeToString())


def test_a_network_that_takes_no_bytes_is_not_for_int8():
    with pytest.raises(ModelShapeError, match=r"takes uint8 images .*; received"):
        in_int8(network(image=TensorProto.INT32))


def test_what_is_to_be_kept_must_exist_and_leave_something():
    with pytest.raises(ModelShapeError, match="no nodes are called fourth"):
        in_int8(keep=["fourth"])
    with pytest.raises(ModelShapeError, match="expected a Conv to quantise"):
        in_int8(keep=["first", "second", "third"])


@pytest.mark.parametrize("value", [1e5, np.nan, np.inf])
def test_a_weight_beyond_float16_is_refused(value):
    model = onnx.load_from_string(network())
    tensor = next(t for t in model.graph.initializer if t.name == "w2")
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = value
    tensor.CopyFrom(numpy_helper.from_array(values, "w2"))
    with pytest.raises(ConversionError, match="expected weights of 65504 at most"):
        to_float16(model.SerializeToString())


def test_importing_loads_nothing_heavy():
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "import lpel_export.precision.choice\n"
        "print(sorted({'onnx', 'onnxruntime', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
