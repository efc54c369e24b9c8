"""Weights that average places to the superpixels of a grid."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError


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
            f"a layer of {places} places along one side cannot be averaged to {side} superpixels, "
            "which need as many at least: choose another layer."
        )
    weights = np.zeros((places, side), np.float32)
    for i in range(side):
        start, end = i * places // side, -(-(i + 1) * places // side)
        weights[start:end, i] = np.float32(1) / np.float32(end - start)
    return weights
