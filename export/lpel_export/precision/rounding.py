"""Rounding of convolution weights to 8 bits, so that every processor computes the same.

A processor without VNNI multiplies bytes in pairs and adds each pair in 16 bits, where a sum
beyond 32,767 is cut off. Two inputs of up to 255 stay below that as long as their two weights add
up to 128 at most. The usual remedy halves all weights (7 bits). Here each channel of weights is
scaled by its own worst pair: a quarter larger steps at the mean of FaceNet's, where halving
doubles them all.
"""

from dataclasses import dataclass

import numpy as np

from lpel_serving.support.arrays import Floats

LARGEST = 127
"""Of the rounded weights, in size; and of a pair's sum before rounding, which adds 1 at most."""


@dataclass(frozen=True)
class Rounded:
    """The scales of a convolution's output channels, and the weights that rounding makes of it."""

    scales: Floats
    weights: Floats


def round_weights(weights: Floats) -> Rounded:
    """Choose scales for a convolution's weights, shape (O, C, ...), and round the weights to them.

    Processors take the weights with the channels innermost, and in pairs.
    """
    rows = np.moveaxis(weights, 1, -1).reshape(len(weights), -1)
    if rows.shape[1] % 2:
        rows = np.pad(rows, ((0, 0), (0, 1)))
    pairs = rows.reshape(len(rows), -1, 2)
    # Inputs are not negative: within a pair, weights of different signs only cancel.
    worst = [np.maximum(side, 0).sum(axis=2).max(axis=1) for side in (pairs, -pairs)]
    scales = np.maximum(*worst).astype(np.float32) / np.float32(LARGEST)
    scales[scales < np.finfo(np.float32).tiny] = 1  # a channel of zeros
    columns = scales.reshape(-1, *[1] * (weights.ndim - 1))
    rounded = np.clip(np.rint(weights / columns), -LARGEST, LARGEST) * columns
    return Rounded(scales, rounded.astype(np.float32))


def rounding_shift(weights: Floats, rounded: Floats, means: Floats, groups: int) -> Floats:
    """By how much rounding lowers the mean of each output channel, shape (O,).

    Inputs after a rectifier are positive, so errors of the weights do not cancel: they shift the
    mean, which the bias can take back. Zeros around the border are not counted.

    Parameters
    ----------
    weights, rounded
        Shape (O, C / groups, ...).
    means
        Of the input's channels, shape (C,).
    groups
        Of the convolution.
    """
    lost = (weights.astype(np.float64) - rounded).reshape(*weights.shape[:2], -1).sum(axis=2)
    of_group = np.repeat(means.reshape(groups, -1), len(weights) // groups, axis=0)
    return (lost * of_group).sum(axis=1).astype(np.float32)
