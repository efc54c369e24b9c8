"""Quantisation of embedding networks to int8: a quarter of the size, and faster on a CPU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import finish
from lpel_export.precision.folding import fold_factors
from lpel_export.precision.network import load_network, metadata, name_nodes, sort_nodes, stretch
from lpel_export.precision.observation import Observed, observe
from lpel_export.precision.rounding import round_weights, rounding_shift
from lpel_export.support.errors import (
    CONVERTERS_ERRORS,
    ConversionError,
    ModelShapeError,
    reason_of,
)
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent

PRODUCTS = ("MatMul", "Gemm")
"""Operations that hold the weights of a network without convolutions."""
QUANTISED = ("Conv", *PRODUCTS, "Relu", "Clip", "Add", "Concat", "MaxPool")
"""Operations that are computed in 8 bits, from the first weighted one to the last."""

Scales = dict[str, tuple[int, NDArray[np.float32]]]
"""By the name of the weights: the axis of their output channels, and the scale of each."""


def to_int8(
    model: bytes,
    crops: NDArray[np.uint8],
    *,
    keep: Sequence[str] = (),
    keep_first: bool = False,
    progress: Progress = silent,
) -> bytes:
    """Quantise an embedding network: uint8 activations, int8 weights, a scale for each channel.

    What stands before the first convolution and after the last stays float32, and so do other
    operations than `QUANTISED`. In a network without convolutions, matrix products take their
    place. Names, metadata, inputs and outputs stay. The same arguments give the same bytes. The
    result has standard operators only (QuantizeLinear and DequantizeLinear), and no processor
    saturates on its weights: see `lpel_export.precision.rounding`.

    Parameters
    ----------
    model
        A serialised float32 ONNX embedder, as `export_embedder` and `adopt_embedder` make it.
    crops
        Face crops to calibrate with, uint8, shape (N, H, W, C): the range of each tensor is what
        it spans on them.
    keep
        Names of nodes that stay float32.
    keep_first
        Whether the first of several convolutions, which sees the pixels, stays float32 too.
    progress
        ReportProgress how many crops are done.

    Raises
    ------
    ModelShapeError
        If the model or the crops are of another shape, there are no crops, no node has a name in
        `keep`, or no operation has constant weights.
    ConversionError
        If its opset is too old, its precision was reduced already, or onnxruntime cannot
        quantise it.
    """
    network = load_network(model)
    _check_crops(network, crops)
    properties = metadata(network)
    name_nodes(network.graph)
    _check_names(network, keep)
    if keep_first:
        keep = [*keep, *_first_of_several(network)]
    fold_factors(network.graph, keep)
    nodes = _chosen(network, keep)
    inputs = list(dict.fromkeys(node.input[0] for node in nodes if node.op_type == "Conv"))
    seen = observe(network, _activations(network, nodes), inputs, crops, progress=progress)
    scales = _round(network, nodes, seen)
    quantised = _quantise(network, nodes, seen, scales)
    sort_nodes(quantised.graph)
    finish(quantised, properties)
    return quantised.SerializeToString()


def _check_crops(network: Any, crops: NDArray[np.uint8]) -> None:
    uint8 = require("onnx", "export").TensorProto.UINT8
    kinds = [tensor.type.tensor_type for tensor in network.graph.input]
    shapes = [tuple(axis.dim_value for axis in kind.shape.dim) for kind in kinds]
    types = [kind.elem_type for kind in kinds]
    if types != [uint8] or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3):
        raise ModelShapeError(
            "expected an embedder, which takes uint8 images of shape (batch, H, W, C); received a "
            f"model of inputs of shapes {shapes}: export it with export_embedder or adopt_embedder."
        )
    wanted = shapes[0][1:]
    if crops.dtype != np.uint8 or crops.shape[1:] != wanted or not len(crops):
        raise ModelShapeError(
            f"expected at least one face crop to calibrate with, uint8 of shape (N, {wanted[0]}, "
            f"{wanted[1]}, {wanted[2]}); received {crops.dtype} of shape {crops.shape}."
        )


def _check_names(network: Any, keep: Sequence[str]) -> None:
    unknown = set(keep) - {node.name for node in network.graph.node}
    if unknown:
        raise ModelShapeError(
            f"no nodes are called {', '.join(sorted(unknown))}: `keep` takes names of the model's "
            "nodes."
        )


def _first_of_several(network: Any) -> list[str]:
    names: list[str] = [node.name for node in network.graph.node if node.op_type == "Conv"]
    return names[:1] if len(names) > 1 else []


def _chosen(network: Any, keep: Sequence[str]) -> list[Any]:
    """The nodes that are to be quantised."""
    convolutional = any(node.op_type == "Conv" for node in network.graph.node)
    kinds = ("Conv",) if convolutional else PRODUCTS
    axes = {tensor.name: len(tensor.dims) for tensor in network.graph.initializer}

    def is_weighted(node: Any) -> bool:
        constant = axes.keys() >= set(node.input[1:]) and node.input[0] not in axes
        return constant and (convolutional or axes[node.input[1]] == 2)

    nodes = [
        node
        for node in stretch(network.graph, kinds)
        if node.op_type in QUANTISED and node.name not in keep
    ]
    weighted = {n.name for n in nodes if n.op_type in kinds and is_weighted(n)}
    if not weighted:
        raise ModelShapeError(
            f"expected a {' or '.join(kinds)} to quantise, with constant weights; all of them are "
            "kept or have computed weights: name fewer in `keep`."
        )
    others = {"Conv", *PRODUCTS}
    return [node for node in nodes if node.name in weighted or node.op_type not in others]


def _activations(network: Any, nodes: Sequence[Any]) -> list[str]:
    """The tensors of floats that some nodes take and give."""
    float32 = require("onnx", "export").TensorProto.FLOAT
    graph = network.graph
    known = {
        tensor.name
        for tensor in (*graph.value_info, *graph.input, *graph.output)
        if tensor.type.tensor_type.elem_type == float32
    } - {tensor.name for tensor in graph.initializer}
    names = (name for node in nodes for name in (*node.input, *node.output))
    return [name for name in dict.fromkeys(names) if name in known]


def _round(network: Any, nodes: Sequence[Any], seen: Observed) -> Scales:
    """Choose the scales of weights; let the biases of convolutions make up for the rounding."""
    numpy_helper = require("onnx", "export").numpy_helper
    constants = {tensor.name: tensor for tensor in network.graph.initializer}
    scales: Scales = {}
    for node in (node for node in nodes if node.op_type in {"Conv", *PRODUCTS}):
        weights: NDArray[np.float32] = numpy_helper.to_array(constants[node.input[1]])
        axis = 0 if node.op_type == "Conv" or _attribute(node, "transB", 0) else 1
        rounded = round_weights(np.moveaxis(weights, axis, 0))
        scales[node.input[1]] = axis, rounded.scales
        if node.op_type != "Conv":
            continue  # most products have no bias to mend
        groups, means = _attribute(node, "group", 1), seen.means[node.input[0]]
        bias = rounding_shift(weights, rounded.weights, means, groups)
        if len(node.input) > 2:
            bias += numpy_helper.to_array(constants[node.input[2]])
        name = f"{node.name}/mended bias"
        network.graph.initializer.append(numpy_helper.from_array(bias, name))
        node.input[:] = [*node.input[:2], name]
    return scales


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _quantise(network: Any, nodes: Sequence[Any], seen: Observed, scales: Scales) -> Any:
    """Insert the pairs of QuantizeLinear and DequantizeLinear."""
    require("onnx", "export")
    tools = require("onnxruntime.quantization", "cpu")
    ranges = {
        name: tools.TensorData(lowest=low, highest=high)
        for name, (low, high) in seen.ranges.items()
    }
    overrides = {
        name: [{"axis": axis, "scale": scale, "zero_point": np.int8(0)} for scale in of_channels]
        for name, (axis, of_channels) in scales.items()
    }
    try:
        quantizer = tools.QDQQuantizer(
            network,
            per_channel=True,
            reduce_range=False,  # the scales see to that
            weight_qType=tools.QuantType.QInt8,
            activation_qType=tools.QuantType.QUInt8,
            tensors_range=tools.TensorsData(tools.CalibrationMethod.MinMax, ranges),
            nodes_to_quantize=[node.name for node in nodes],
            nodes_to_exclude=[],
            op_types_to_quantize=list(QUANTISED),
            extra_options={
                "TensorQuantOverrides": overrides,
                # A product is the end, or all but: no need to round it.
                "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            },
        )
        quantizer.quantize_model()
    except CONVERTERS_ERRORS as error:
        reason = reason_of(error)
        raise ConversionError(f"onnxruntime cannot quantise the model: {reason}") from error
    return quantizer.model.model
