"""Converts networks to float16, from the first weighted layer to the last: half the size."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lpel_export.conversion.keras_to_onnx import finish
from lpel_export.precision.network import (
    crossing,
    load_network,
    metadata,
    name_nodes,
    sort_nodes,
    stretch,
)
from lpel_export.support.errors import ConversionError, reason_of
from lpel_serving.support.extras import require

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""The operations that hold the weights."""


def to_float16(model: bytes) -> bytes:
    """Compute a network in float16, from its first weighted operation to the last.

    What stands before and after stays float32: the preparation of pixels squares and sums
    thousands of them, and the normalisation sums squares. Names, metadata, inputs and outputs
    stay. The same model gives the same bytes, with standard operators only.

    Parameters
    ----------
    model
        A serialised float32 ONNX model.

    Raises
    ------
    ModelShapeError
        If it is not valid ONNX in one plain graph, or no operation is weighted.
    ConversionError
        If its opset is too old, its precision was reduced already, a weight is too large for
        float16, or an operation does not exist in float16.
    """
    network = load_network(model)
    name_nodes(network.graph)
    graph = network.graph
    nodes = stretch(graph, WEIGHTED)
    names = {node.name for node in nodes}
    converted = _converted(network, nodes).graph
    others = [node for node in graph.node if node.name not in names]
    del graph.node[:]
    graph.node.extend([*others, *converted.node])
    graph.initializer.extend(converted.initializer)
    sort_nodes(graph)
    finish(network, metadata(network))
    _check_types(network)
    return network.SerializeToString()


def _converted(network: Any, nodes: Sequence[Any]) -> Any:
    """Some nodes of a network as a model of their own, in float16 but for what crosses its border.

    The converter casts whatever a float32 node gives to float16 and back, so that it would spoil
    the preparation of pixels if it saw it.
    """
    onnx = require("onnx", "export")
    graph = network.graph
    known = {t.name: t for t in (*graph.value_info, *graph.input, *graph.output)}
    taken, given = crossing(graph, nodes)
    untyped = [name for name in (*taken, *given) if name and name not in known]
    if untyped:
        raise ConversionError(
            f"the types of {', '.join(untyped)} cannot be inferred: export the model with shapes."
        )
    constants = {tensor.name: tensor for tensor in graph.initializer}
    used = {name for node in nodes for name in node.input if name in constants}
    own = {name: f"float16/{name}" for name in used}  # what stays float32 may need the same
    inner = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for node in inner:
        node.input[:] = [own.get(name, name) for name in node.input]
    weights = [onnx.TensorProto.FromString(constants[n].SerializeToString()) for n in sorted(used)]
    for tensor in weights:
        _check_size(onnx, tensor)
        tensor.name = own[tensor.name]
    part = onnx.helper.make_model(
        onnx.helper.make_graph(
            inner,
            "stretch",
            [known[name] for name in taken if name],
            [known[name] for name in given],
            weights,
        ),
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
    )
    converter = require("onnxruntime.transformers.float16", "cpu")
    return converter.convert_float_to_float16(part, keep_io_types=True)


def _check_size(onnx: Any, tensor: Any) -> None:
    if tensor.data_type == onnx.TensorProto.FLOAT:
        values = onnx.numpy_helper.to_array(tensor)
        largest, limit = float(np.abs(values).max(initial=0.0)), float(np.finfo(np.float16).max)
        if not largest <= limit:  # NaN must fail too
            raise ConversionError(
                f"expected weights of {limit:.0f} at most, which float16 can hold; {tensor.name} "
                f"has {largest:g}: keep the model in float32."
            )


def _check_types(network: Any) -> None:
    onnx = require("onnx", "export")
    try:
        onnx.checker.check_model(network, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = reason_of(error)
        raise ConversionError(f"an operation does not exist in float16: {reason}") from error
