"""Averages layers of any side to a grid: as a matrix, and as operations of a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.local_features.layers import Layer
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require


def averaging(places: int, side: int) -> NDArray[np.float32]:
    """Weights that average places along one side to superpixels, shape (places, side).

    Superpixel i of n is the mean of the places from floor(i places / n) up to, and without,
    ceil((i + 1) places / n): all that it touches, as adaptive pooling does. Of 17 places for 8
    these are windows of 3 with stride 2; of as many as there are superpixels, each itself.

    Raises
    ------
    ParameterError
        If there are fewer places than superpixels.
    """
    if not 1 <= side <= places:
        raise ParameterError(
            f"a layer of {places} by {places} places cannot be averaged to {side} by {side} "
            "superpixels, which need as many at least: choose another layer."
        )
    weights = np.zeros((places, side), np.float32)
    for i in range(side):
        start, end = i * places // side, -(-(i + 1) * places // side)
        weights[start:end, i] = np.float32(1) / np.float32(end - start)
    return weights


def averaged(values: NDArray[np.float32], layer: Layer, side: int) -> NDArray[np.float32]:
    """Average a layer's values, in its layout, to a grid: shape (N, side * side, channels)."""
    planes = values if layer.layout == "NCHW" else values.transpose(0, 3, 1, 2)
    weights = averaging(layer.side, side)
    grid = np.einsum("nchw,hi,wj->nijc", planes, weights, weights, optimize=True)
    return grid.reshape(len(values), side * side, layer.channels)


def averaging_nodes(layers: Sequence[Layer], side: int, prefix: str) -> tuple[list[Any], list[Any]]:
    """Write the averages of layers, side by side, as operations.

    Parameters
    ----------
    layers
        Tensors of the graph.
    side
        Of the grid.
    prefix
        Of the names of new nodes and tensors, without which no name of the graph begins.

    Returns
    -------
    tuple[list, list]
        The nodes, the last of which gives the tensor of the name ``{prefix}all``, shape (batch,
        side * side, channels of all layers); and their constants.
    """
    onnx = require("onnx", "export")
    nodes: list[Any] = []
    constants: dict[str, NDArray[Any]] = {}

    def step(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        name = f"{prefix}{output}"
        nodes.append(onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    parts: list[str] = []
    for number, layer in enumerate(layers):
        current = layer.name
        weights, shape = f"{prefix}weights{number}", f"{prefix}shape{number}"
        if layer.layout == "NHWC":
            current = step("Transpose", [current], f"planes{number}", perm=[0, 3, 1, 2])
        if layer.side != side:
            constants[weights] = averaging(layer.side, side)
            current = step("MatMul", [current, weights], f"columns{number}")
            current = step("Transpose", [current], f"turned{number}", perm=[0, 1, 3, 2])
            current = step("MatMul", [current, weights], f"rows{number}")
            axes = [0, 3, 2, 1]
        else:
            axes = [0, 2, 3, 1]
        current = step("Transpose", [current], f"places{number}", perm=axes)
        constants[shape] = np.array([0, side * side, layer.channels], np.int64)
        parts.append(step("Reshape", [current, shape], f"grid{number}"))
    step("Concat", parts, "all", axis=2)
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    return nodes, tensors
