"""Levels of a measure: whole percentages of an image's pixels."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError


def pixel_counts(levels: tuple[int, ...], pixels: int) -> NDArray[np.int64]:
    """The number of pixels at each level, halves rounded up, shape (levels,)."""
    return (np.array(levels, np.int64) * pixels + 50) // 100


def refuse_percentages(what: str, levels: tuple[int, ...]) -> None:
    """Refuse what are not whole percentages, at least one, ascending within 0 to 100.

    Raises
    ------
    ParameterError
        If they are not.
    """
    whole = all(type(level) is int for level in levels)
    if not whole or not levels or list(levels) != sorted(set(levels)) or levels[0] < 0:
        wrong = True
    else:
        wrong = levels[-1] > 100
    if wrong:
        raise ParameterError(
            f"{what} are whole percentages ascending within 0 to 100, such as (5, 50, 95); "
            f"received {levels}."
        )
