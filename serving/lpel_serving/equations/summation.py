"""Sums in a fixed order of additions, so that every runtime gives the same bytes.

Floating-point addition is not associative, and libraries differ in the order they use. These sums
use element-wise additions alone, which IEEE 754 defines exactly, so that the exported explainer
gives the same bytes in any runtime.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats

Real = TypeVar("Real", np.float32, np.float64)


def fixed_sum(values: NDArray[Real], axis: int = -1) -> NDArray[Real]:
    """Sum one axis, of length N: its halves are added until one number is left.

    The axis is padded with zeros to a power of two. In memory the first axis is summed fastest.
    """
    values = values.transpose(*_from(axis, values.ndim))
    length = len(values)
    power = 1 << max(0, length - 1).bit_length()
    if power != length:
        values = np.pad(values, [(0, power - length)] + [(0, 0)] * (values.ndim - 1))
    while len(values) > 1:
        half = len(values) // 2
        values = np.add(values[:half], values[half:])
    return values[0]


def _from(axis: int, axes: int) -> tuple[int, ...]:
    """The axes in order, one before all others; `np.moveaxis` would take ten times as long."""
    first = axis + axes if axis < 0 else axis
    return (first, *range(first), *range(first + 1, axes))


def fixed_dot(a: NDArray[Real], b: NDArray[Real], axis: int = -1) -> NDArray[Real]:
    """Dot product over one axis of shapes that broadcast; see `fixed_sum`."""
    return fixed_sum(np.multiply(a, b), axis)


def bicubic_weights(length: int, size: int) -> Floats:
    """Interpolation weights: how much each of `length` samples adds to each of `size` outputs.

    The cubic convolution of Keys (1981) with ``a = -1/2``; samples beyond the edges are left out,
    and the remaining weights are scaled to sum to 1.

    Returns
    -------
    NDArray[np.float32]
        Shape (size, length).
    """
    place = (np.arange(size) + 0.5) * length / size - 0.5
    distance = np.abs(place[:, np.newaxis] - np.arange(length))
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def enlarge_smoothly(maps: Floats, size: int) -> Floats:
    """Enlarge maps, float32, shape (..., H, W), to (..., size, size), H and W at most `size`."""
    height, width = maps.shape[-2:]
    across = fixed_dot(maps[..., np.newaxis, :], bicubic_weights(width, size))
    down = fixed_dot(np.swapaxes(across, -1, -2)[..., np.newaxis, :], bicubic_weights(height, size))
    return np.swapaxes(down, -1, -2)
