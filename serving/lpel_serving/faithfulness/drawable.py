"""Leaves out of a curve the pairs that have no place on its scale, and says how many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.faithfulness.judgement import Scale
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.support.errors import ParameterError

LEAST_SHARED = 0.1
"""At this similarity or less, what follows is no share of it where similarities have no lower
bound, as by distance: a single pair at 0.01 would outweigh all others."""


def least_shared(comparison: Comparison) -> float:
    """The similarity above which a first one can be divided by, in curves of similar pairs."""
    return LEAST_SHARED if comparison.kind == "euclidean" else 0


@dataclass(frozen=True)
class LeftOut:
    """Pairs that are left out of a curve.

    Attributes
    ----------
    pairs, of
        How many, of how many.
    why
        The reason, as the rest of a sentence.
    """

    pairs: int
    of: int
    why: str

    @property
    def words(self) -> str:
        """The same as a sentence."""
        are = "is" if self.pairs == 1 else "are"
        return f"{self.pairs} of {self.of} pairs {are} left out of this curve: {self.why}."


def drawable(
    pairs: PhotographPairs, comparison: Comparison, scale: Scale
) -> tuple[PhotographPairs, LeftOut | None]:
    """Keep the pairs that a curve can be drawn of.

    Parameters
    ----------
    pairs
        Pairs with one decision.
    comparison
        How the network compares.
    scale
        Of the curve: see `lpel_serving.faithfulness.judgement.scale_of`.

    Returns
    -------
    PhotographPairs
        The same where none is left out.
    LeftOut or None
        What is left out.

    Raises
    ------
    ParameterError
        If fewer than two are kept.
    """
    fits, why, instead = fitting(comparison.similarity(pairs.h_r, pairs.h_t), comparison, scale)
    if fits.all():
        return pairs, None
    left_out = LeftOut(int(np.count_nonzero(~fits)), len(pairs), why)
    if np.count_nonzero(fits) < 2:
        raise ParameterError(f"{left_out.words[:-1]}, and 2 at least are needed: {instead}.")
    return pairs.select(fits), left_out


def fitting(
    first: NDArray[np.float32], comparison: Comparison, scale: Scale
) -> tuple[NDArray[np.bool_], str, str]:
    """Which similarities, shape (N,), a curve of the scale can start at; why not; what to do."""
    if scale == "rise":
        same = f"a similarity that begins at {IDENTICAL} or more cannot rise"
        return first < IDENTICAL, same, "look whether the threshold is on the network's own scale"
    if scale == "movement":
        return np.ones(first.shape, np.bool_), "", ""
    least = least_shared(comparison)
    low = f"shares of the first similarity say nothing where that is {least} or less"
    return first > least, low, "choose the curve transplant-similar, or a stricter threshold"
