"""Checks of embeddings: finite, not zero, and of one shape."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.direction import has_direction
from lpel_serving.equations.similarity import unit
from lpel_tf.support.errors import TrainingDataError

_SAME = 1e-6
"""Unit vectors that differ by no more in any feature differ by what float32 rounds."""
_LOOK = (
    "look whether the network has its trained weights, and gets its pixels as it was trained with "
    "them (the standardisation, or mean and scale)"
)


def check_embeddings(embeddings: NDArray[np.float32]) -> None:
    """Raise unless embeddings of different photographs say something about them.

    Parameters
    ----------
    embeddings
        Shape (N, D), of N different photographs.

    Raises
    ------
    TrainingDataError
        If they have one feature alone, or one is not finite or zero all over, or all have one
        direction.
    """
    n, dimension = embeddings.shape
    if dimension < 2:
        raise TrainingDataError(
            f"the embeddings have {dimension} feature; the cosine of two numbers is 1 or -1, which "
            "says no more than whether their signs agree. Expected 2 features or more: take a "
            "layer of the network that has them."
        )
    check_finite(embeddings)
    zero = np.count_nonzero(~has_direction(embeddings))
    if zero:
        raise TrainingDataError(
            f"the network gives {zero} of {n} photographs an embedding of zeros, which has no "
            f"direction that could be compared: leave these photographs out, or {_LOOK}."
        )
    directions = unit(embeddings)
    if n > 1 and float(np.abs(directions - directions[0]).max()) <= _SAME:
        raise TrainingDataError(
            "the network gives the same embedding for every photograph, or the same but for its "
            f"length, so that every similarity is 1; expected different ones: {_LOOK}."
        )


def check_finite(embeddings: NDArray[np.float32]) -> None:
    """Raise `TrainingDataError` if embeddings, shape (N, D), hold NaN or infinity."""
    broken = np.count_nonzero(~np.isfinite(embeddings).all(axis=1))
    if broken:
        raise TrainingDataError(
            f"the embeddings of {broken} of {len(embeddings)} photographs hold NaN or "
            f"infinity; expected finite numbers: {_LOOK}."
        )
