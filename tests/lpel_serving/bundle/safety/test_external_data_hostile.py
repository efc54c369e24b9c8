"""Bundles whose models reach for tensors in other files."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.safety.external_data import refuse_external_data
from lpel_serving.support.errors import BundleError
from support import tiny
from support.hostile import (
    constant,
    graph,
    nested,
    no_session,
    put,
    refuse,
    tensor,
    varint,
    with_length,
)

pytestmark = pytest.mark.hostile


def external(tensor: TensorProto) -> TensorProto:
    """The same tensor, kept in the file weights.bin."""
    moved = TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    moved.external_data.add(key="location", value="weights.bin")
    return moved


def sparse() -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(
        external(tensor((1.0,))), numpy_helper.from_array(np.array([0], np.int64)), [2]
    )


def kernel_outside(model: onnx.ModelProto) -> None:
    kernel = next(t for t in model.graph.initializer if t.name == "kernel")
    kernel.CopyFrom(external(kernel))


def in_initializer(model):
    model.graph.initializer.append(external(tensor()))


def in_constant(model):
    model.graph.node.append(constant(value=external(tensor())))


def in_attribute_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    node.attribute.append(helper.make_attribute("all", [tensor(), external(tensor())]))
    model.graph.node.append(node)


def in_sparse_initializer(model):
    model.graph.sparse_initializer.append(sparse())


def in_sparse_indices(model):
    values = sparse()
    values.values.CopyFrom(tensor((1.0,)))
    values.indices.CopyFrom(external(numpy_helper.from_array(np.array([0], np.int64))))
    model.graph.sparse_initializer.append(values)


def in_sparse_attribute(model):
    model.graph.node.append(constant(sparse_value=sparse()))


def in_sparse_attribute_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    node.attribute.append(helper.make_attribute("all", [sparse()]))
    model.graph.node.append(node)


def in_if(model):
    then, otherwise = graph([constant(value=external(tensor()))]), graph([constant(value_int=1)])
    node = helper.make_node("If", ["yes"], ["c"], then_branch=then, else_branch=otherwise)
    model.graph.node.append(node)


def in_initializer_of_nested_if(model):
    model.graph.node.append(nested(graph(initializers=[external(tensor())])))


def in_graph_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    inner = graph(initializers=[external(tensor())])
    node.attribute.append(helper.make_attribute("all", [graph(), inner]))
    model.graph.node.append(node)


def in_function(model):
    opsets = [helper.make_opsetid("", 17)]
    nodes = [constant(value=external(tensor()))]
    model.functions.append(helper.make_function("custom", "F", [], ["c"], nodes, opsets))


def in_default_of_function(model):
    opsets = [helper.make_opsetid("", 17)]
    default = helper.make_attribute("value", external(tensor()))
    model.functions.append(
        helper.make_function("custom", "F", [], ["c"], [constant(value_int=1)], opsets,
                             attribute_protos=[default])
    )  # fmt: skip


def in_training(model):
    model.training_info.add().initialization.CopyFrom(graph(initializers=[external(tensor())]))


def in_algorithm_of_training(model):
    model.training_info.add().algorithm.CopyFrom(graph(initializers=[external(tensor())]))


def by_location_alone(model):
    moved = external(tensor())
    moved.ClearField("external_data")
    model.graph.initializer.append(moved)


def by_entries_alone(model):
    moved = external(tensor())
    moved.ClearField("data_location")
    model.graph.initializer.append(moved)


HIDDEN = [
    kernel_outside, in_initializer, in_constant, in_attribute_list, in_sparse_initializer,
    in_sparse_indices, in_sparse_attribute, in_sparse_attribute_list, in_if,
    in_initializer_of_nested_if, in_graph_list, in_function, in_default_of_function,
    in_training, in_algorithm_of_training, by_location_alone, by_entries_alone,
]  # fmt: skip


@pytest.mark.parametrize("hide", HIDDEN, ids=lambda hide: hide.__name__)
@pytest.mark.parametrize("name", ["embedder", "decoder", "responses"])
def test_a_model_with_tensors_in_other_files_is_refused(tmp_path, name, hide):
    model = getattr(tiny, f"{name}_model")()
    refuse_external_data(model.SerializeToString(), name)
    hide(model)
    with pytest.raises(BundleError, match=f"{name} keeps tensors in other files.*weights inside"):
        refuse_external_data(model.SerializeToString(), name)
    # Of functions and custom operators it is these that the loader complains of first.
    refuse(
        tiny.write_bundle(tmp_path / "bundle", **{name: model.SerializeToString()}),
        f"{name}.onnx ",
    )


def outside_embedder() -> tuple[bytes, bytes]:
    """The tiny embedder without its kernel, and the kernel's bytes."""
    model = tiny.embedder_model()
    kernel_outside(model)
    return model.SerializeToString(), tiny.embedder_kernel().tobytes()


def test_no_session_is_made_of_a_model_that_reads_through_a_hard_link(tmp_path, monkeypatch):
    model, weights = outside_embedder()
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    (tmp_path / "secret.bin").write_bytes(weights)
    put(folder, "weights.bin", weights).unlink()
    os.link(tmp_path / "secret.bin", folder / "weights.bin")
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError, match="other files"):
        Explainer.load(folder)


def test_no_session_is_made_of_a_model_that_reads_the_working_directory(tmp_path, monkeypatch):
    model, weights = outside_embedder()
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    (tmp_path / "weights.bin").write_bytes(weights)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError, match="other files"):
        Explainer.load(folder)


PAST_32_BITS = 1 << 32
"""onnxruntime's protobuf reads keys modulo 2**32: field 13 + 2**29 is field 13 to it."""


@pytest.mark.parametrize("at", ["external data", "tensor", "graph"])
def test_field_numbers_past_32_bits_hide_nothing(tmp_path, monkeypatch, at):
    key = {"graph": 7 << 3 | 2, "tensor": 5 << 3 | 2, "external data": 13 << 3 | 2}
    location = 14 << 3
    key[at] += PAST_32_BITS
    if at == "external data":
        location += PAST_32_BITS
    model = tiny.embedder_model()
    kernel = next(t for t in model.graph.initializer if t.name == "kernel")
    model.graph.initializer.remove(kernel)
    kernel.ClearField("raw_data")
    entry = onnx.StringStringEntryProto(key="location", value="weights.bin").SerializeToString()
    hidden = (
        kernel.SerializeToString()
        + with_length(key["external data"], entry)
        + varint(location)
        + b"\1"
    )
    whole = model.SerializeToString() + with_length(
        key["graph"], with_length(key["tensor"], hidden)
    )
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=whole)
    (tmp_path / "weights.bin").write_bytes(tiny.embedder_kernel().tobytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError):
        Explainer.load(folder)
