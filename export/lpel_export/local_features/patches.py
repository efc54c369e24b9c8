"""Patches of the image, which stand in for layers where an embedder hides its own.

Each superpixel is given as it looks, with its eight neighbours: a stem of one convolution, whose
weights are the reduction to local features. See docs/surrogate.md for what that loses.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.local_features.averaging import averaging
from lpel_export.local_features.layer import Layer
from lpel_export.local_features.steps import Steps
from lpel_serving.bundle.manifest import IMAGE
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import ImageShape

PATCHES = "patches of the image"
"""The name of what stands in for a layer."""
FINEST = 4
"""Cells along one side of a superpixel, whose mean colours a patch is made of."""
_AROUND = 3
"""Superpixels along one side of a patch."""
_FLOAT32 = 1  # onnx.TensorProto.FLOAT


def image_shape(graph: Any) -> ImageShape:
    """Return the shape of the images that an embedder's graph takes; 0 for what varies."""
    image = next(tensor for tensor in graph.input if tensor.name == IMAGE)
    return ImageShape(*(one.dim_value for one in image.type.tensor_type.shape.dim[1:]))


def patches_of(graph: Any, side: int) -> Layer:
    """Describe the patches of the images that an embedder takes.

    Parameters
    ----------
    graph
        Of the embedder: ``onnx.GraphProto``, whose input `image` has a known size.
    side
        Of the grid.

    Raises
    ------
    ParameterError
        If the image has fewer pixels along one side than the grid superpixels.
    """
    shape = image_shape(graph)
    pixels = min(shape[:2])
    if pixels < side:
        raise ParameterError(
            f"this network shows no layer of {side} by {side} places or more that all of its "
            f"computation goes through, and images of {pixels or 'unknown numbers of'} pixels "
            "along one side have no patches for them: name layers of it, or take a coarser grid."
        )
    cells = min(FINEST, pixels // side)
    channels = shape.channels * (_AROUND * cells) ** 2
    return Layer(PATCHES, channels, side, side, "NCHW", shape)


def patch_steps(steps: Steps, layer: Layer) -> str:
    """Append the patches of the image; return their tensor, (batch, channels, side, side).

    Beyond the image's border, it goes on as it ends.
    """
    image, side, cells, step = _image(layer), layer.height, _cells(layer), steps.step
    across = down = steps.constant("cells", averaging(image.width, cells * side))
    if image.height != image.width:
        down = steps.constant("cells_down", averaging(image.height, cells * side))
    current = step("Cast", [IMAGE], "pixels", to=_FLOAT32)
    current = step("Transpose", [current], "colours", perm=[0, 3, 1, 2])
    current = step("MatMul", [current, across], "cell_columns")
    current = step("Transpose", [current], "cells_turned", perm=[0, 1, 3, 2])
    current = step("MatMul", [current, down], "cell_rows")
    current = step("Transpose", [current], "image_of_cells", perm=[0, 1, 3, 2])
    current = step("SpaceToDepth", [current], "own", blocksize=cells)
    border = steps.constant("border", [0, 0, 1, 1, 0, 0, 1, 1])
    padded = step("Pad", [current, border], "padded", mode="edge")
    axes = steps.constant("axes", [2, 3])
    beside: list[str] = []
    for row in range(_AROUND):
        for column in range(_AROUND):
            start = steps.constant(f"start{row}{column}", [row, column])
            end = steps.constant(f"end{row}{column}", [row + side, column + side])
            beside.append(step("Slice", [padded, start, end, axes], f"beside{row}{column}"))
    return step("Concat", beside, "patches", axis=1)


def patches(crops: NDArray[np.uint8], layer: Layer) -> Floats:
    """Compute the same in numpy, shape (N, side * side, channels), of crops (N, H, W, C)."""
    n, image, side, cells = len(crops), _image(layer), layer.height, _cells(layer)
    down, across = (averaging(length, cells * side) for length in image[:2])
    pixels = crops.astype(np.float32)
    colours = np.einsum("nhwc,hi,wj->nijc", pixels, down, across, optimize=True)
    blocks = colours.reshape(n, side, cells, side, cells, -1).transpose(0, 1, 3, 2, 4, 5)
    own = blocks.reshape(n, side, side, -1)
    padded = np.pad(own, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    places = [(row, column) for row in range(_AROUND) for column in range(_AROUND)]
    beside = [padded[:, row : row + side, column : column + side] for row, column in places]
    return np.concatenate(beside, axis=-1).reshape(n, side * side, layer.channels)


def _image(layer: Layer) -> ImageShape:
    if layer.image is None:
        raise ParameterError(f"{layer.name} is a layer, and no patches of the image.")
    return layer.image


def _cells(layer: Layer) -> int:
    return round((layer.channels / _image(layer).channels) ** 0.5) // _AROUND
