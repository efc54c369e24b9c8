"""Averages layers of any height and width to a grid: in numpy, and as operations of a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.local_features.averaging import averaging
from lpel_export.local_features.layer import Layer
from lpel_export.local_features.patches import PATCHES, patch_steps
from lpel_export.local_features.steps import Steps


def averaged(values: NDArray[np.float32], layer: Layer, side: int) -> NDArray[np.float32]:
    """Average a layer's values, in its layout, to a grid: shape (N, side * side, channels)."""
    planes = values if layer.layout == "NCHW" else values.transpose(0, 3, 1, 2)
    down, across = averaging(layer.height, side), averaging(layer.width, side)
    grid = np.einsum("nchw,hi,wj->nijc", planes, down, across, optimize=True)
    return grid.reshape(len(values), side * side, layer.channels)


def averaging_nodes(layers: Sequence[Layer], side: int, prefix: str) -> tuple[list[Any], list[Any]]:
    """Write the averages of layers, side by side, as operations.

    Parameters
    ----------
    layers
        Tensors of the graph, or patches of the image.
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
    steps = Steps(prefix)
    parts = [_averaged(steps, layer, number, side) for number, layer in enumerate(layers)]
    steps.step("Concat", parts, "all", axis=2)
    return steps.nodes, steps.constants


def _averaged(steps: Steps, layer: Layer, number: int, side: int) -> str:
    """Append the averages of one layer, shape (batch, side * side, channels)."""
    current = patch_steps(steps, layer) if layer.name == PATCHES else layer.name
    if layer.layout == "NHWC":
        current = steps.step("Transpose", [current], f"planes{number}", perm=[0, 3, 1, 2])
    axes = [0, 2, 3, 1]
    if (layer.height, layer.width) != (side, side):
        across = down = steps.constant(f"weights{number}", averaging(layer.width, side))
        if layer.height != layer.width:
            down = steps.constant(f"weights_down{number}", averaging(layer.height, side))
        current = steps.step("MatMul", [current, across], f"columns{number}")
        current = steps.step("Transpose", [current], f"turned{number}", perm=[0, 1, 3, 2])
        current = steps.step("MatMul", [current, down], f"rows{number}")
        axes = [0, 3, 2, 1]
    current = steps.step("Transpose", [current], f"places{number}", perm=axes)
    shape = steps.constant(f"shape{number}", [0, side * side, layer.channels])
    return steps.step("Reshape", [current, shape], f"grid{number}")
