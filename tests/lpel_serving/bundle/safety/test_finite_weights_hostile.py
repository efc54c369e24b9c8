"""Bundles whose models have NaN or infinity among their weights."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.safety.models import refuse_unsafe
from support import tiny
from support.hostile import constant, graph, message, nested, refuse, tensor

pytestmark = pytest.mark.hostile

NAN, INF = float("nan"), float("inf")
BROKEN = "NaN or infinity among its weights"


def kernel(value: float):
    def break_it(model: onnx.ModelProto) -> None:
        weights = next(t for t in model.graph.initializer if t.name == "kernel")
        values = numpy_helper.to_array(weights).copy()
        values.flat[-1] = value
        weights.CopyFrom(numpy_helper.from_array(values, "kernel"))

    return break_it


def written(kind: int, values) -> TensorProto:
    """A tensor whose numbers stand in its typed field, not in its raw bytes."""
    made = helper.make_tensor("weights", kind, [len(values)], values)
    assert not made.raw_data
    return made


def raw(kind: int, data: bytes, size: int) -> TensorProto:
    return TensorProto(name="weights", data_type=kind, dims=[size], raw_data=data)


def initializer(weights: TensorProto):
    return lambda model: model.graph.initializer.append(weights)


def node(one: onnx.NodeProto):
    return lambda model: model.graph.node.append(one)


def sparse(*values: float) -> onnx.SparseTensorProto:
    places = numpy_helper.from_array(np.arange(len(values), dtype=np.int64))
    return helper.make_sparse_tensor(tensor(values), places, [4])


def in_training(model):
    weights = graph(initializers=[tensor((1.0, NAN))])
    model.training_info.add().initialization.CopyFrom(weights)


def in_sparse_initializer(model):
    model.graph.sparse_initializer.append(sparse(1.0, NAN))


BFLOAT16_NAN, BFLOAT16_INF = b"\x80\x3f\xc0\x7f", b"\x80\x3f\x80\x7f"
CASES = {
    "kernel-nan": kernel(NAN),
    "kernel-inf": kernel(INF),
    "kernel-minus-inf": kernel(-INF),
    "float-alone-nan": initializer(tensor(NAN)),
    "float-all-inf": initializer(tensor((INF, -INF))),
    "float-not-raw": initializer(written(TensorProto.FLOAT, [1.0, NAN])),
    "double": initializer(tensor((1.0, NAN), dtype=np.float64)),
    "double-not-raw": initializer(written(TensorProto.DOUBLE, [1.0, -INF])),
    "float16": initializer(tensor((1.0, NAN), dtype=np.float16)),
    "float16-inf": initializer(tensor((1.0, INF), dtype=np.float16)),
    "float16-not-raw": initializer(written(TensorProto.FLOAT16, [1.0, NAN])),
    "float16-not-raw-inf": initializer(written(TensorProto.FLOAT16, [1.0, -INF])),
    "bfloat16": initializer(raw(TensorProto.BFLOAT16, BFLOAT16_NAN, 2)),
    "bfloat16-inf": initializer(raw(TensorProto.BFLOAT16, BFLOAT16_INF, 2)),
    "bfloat16-not-raw": initializer(written(TensorProto.BFLOAT16, [1.0, NAN])),
    "constant": node(constant(value=tensor((1.0, NAN)))),
    "constant-float": node(constant(value_float=NAN)),
    "constant-floats": node(constant(value_floats=[1.0, INF])),
    "attribute": node(helper.make_node("LeakyRelu", ["x"], ["c"], alpha=NAN)),
    "attribute-tensors": node(helper.make_node("If", ["x"], ["c"], all=[tensor((NAN, 1.0))])),
    "sparse-initializer": in_sparse_initializer,
    "sparse-constant": node(constant(sparse_value=sparse(1.0, INF))),
    "constant-in-if": node(nested(graph([constant(value=tensor((1.0, NAN)))]), depth=1)),
    "initializer-deep": node(nested(graph(initializers=[tensor((1.0, NAN))]), depth=20)),
    "training": in_training,
}


@pytest.mark.parametrize("kind", CASES)
def test_a_model_with_nan_or_infinity_among_its_weights_is_refused(tmp_path, kind):
    model = tiny.embedder_model()
    CASES[kind](model)
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString())
    refuse(folder, f"embedder.onnx has {BROKEN}", "export it again")


@pytest.mark.parametrize("name", ["decoder", "responses"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_every_model_of_a_bundle_is_looked_at(tmp_path, name, value):
    model = getattr(tiny, f"{name}_model")()
    kernel(value)(model)
    folder = tiny.write_bundle(tmp_path / "bundle", **{name: model.SerializeToString()})
    refuse(folder, f"{name}.onnx has {BROKEN}")


UNKNOWN = [
    TensorProto.UNDEFINED, TensorProto.COMPLEX64, TensorProto.COMPLEX128, TensorProto.FLOAT8E4M3FN,
    TensorProto.FLOAT8E5M2, 99,
]  # fmt: skip


@pytest.mark.parametrize("kind", UNKNOWN)
def test_numbers_of_a_kind_that_cannot_be_checked_are_refused(tmp_path, kind):
    whole = tiny.embedder_model()
    weights = bytes([2 << 3, kind]) + message(9, bytes(16))
    inner = whole.graph.SerializeToString() + message(5, weights)
    whole.ClearField("graph")
    model = whole.SerializeToString() + message(7, inner)
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    refuse(folder, f"data type {kind}", "export it as one of these")


HALVES = {
    "float": raw(TensorProto.FLOAT, bytes(7), 2),
    "double": raw(TensorProto.DOUBLE, bytes(12), 2),
    "float16": raw(TensorProto.FLOAT16, bytes(3), 2),
    "bfloat16": raw(TensorProto.BFLOAT16, bytes(3), 2),
}


@pytest.mark.parametrize("kind", HALVES)
def test_a_tensor_that_ends_within_a_number_is_refused(tmp_path, kind):
    model = tiny.embedder_model()
    model.graph.initializer.append(HALVES[kind])
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString())
    refuse(folder, "is not an ONNX model", "ends within a number")


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\x80\x80\x80"])
def test_a_packed_list_that_ends_within_a_number_is_refused(tmp_path, data):
    whole = tiny.embedder_model()
    inner = whole.graph.SerializeToString() + message(
        5, bytes([2 << 3, TensorProto.FLOAT16]) + message(5, data)
    )
    whole.ClearField("graph")
    model = whole.SerializeToString() + message(7, inner)
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    refuse(folder, "is not an ONNX model", "ends within a number")


# --- what is not refused ---

HONEST = {
    "the largest": tensor((np.finfo(np.float32).max, np.finfo(np.float32).min)),
    "the smallest": tensor((1e-45, -0.0)),
    "none at all": tensor(()),
    "a lower bound": tensor(-INF),
    "an upper bound": tensor((INF,)),
    "a bound in float16": tensor(-INF, dtype=np.float16),
    "float16": written(TensorProto.FLOAT16, [65504.0, -65504.0, 6e-8, 0.0, -0.0, -2.0]),
    "bfloat16": written(TensorProto.BFLOAT16, [1.0, -3e38, 0.0]),
    "integers with the bits of NaN": tensor((0x7FC00000, -1), dtype=np.int32),
    "booleans": tensor((True, False), dtype=bool),
    "text": helper.make_tensor("text", TensorProto.STRING, [1], [b"nan"]),
    "four bits": helper.make_tensor("four", TensorProto.INT4, [2], [-8, 7]),
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_numbers_are_accepted(kind):
    model = tiny.embedder_model()
    model.graph.initializer.append(HONEST[kind])
    refuse_unsafe(model.SerializeToString(), "model.onnx")


def test_a_clip_without_an_upper_bound_is_loaded(tmp_path):
    model = tiny.embedder_model()
    model.graph.node[-1].output[0] = "free"
    for name, value in (("low", -INF), ("high", INF)):
        model.graph.initializer.append(tensor(value, name))
    model.graph.node.append(helper.make_node("Clip", ["free", "low", "high"], ["embedding"]))
    Explainer.load(tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString()))


def test_numbers_are_found_in_every_place_of_a_long_packed_list(tmp_path):
    values = np.random.default_rng(0).normal(size=300).astype(np.float16)
    for place in (0, 150, 299):
        broken = values.copy()
        broken[place] = NAN
        model = tiny.embedder_model()
        model.graph.initializer.append(written(TensorProto.FLOAT16, broken))
        refuse(tiny.write_bundle(tmp_path / str(place), embedder=model.SerializeToString()), BROKEN)
    model = tiny.embedder_model()
    model.graph.initializer.append(written(TensorProto.FLOAT16, values))
    load_bundle(tiny.write_bundle(tmp_path / "whole", embedder=model.SerializeToString()))
