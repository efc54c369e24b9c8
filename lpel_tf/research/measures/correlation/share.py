"""The share of what is the pair's own: from the mean map (0) to measured coalitions (1)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A ratio of means with its 95 % bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def share_of_own(
    method: Scores,
    common: Scores,
    measured: Scores,
    rng: np.random.Generator,
    *,
    resamples: int = 10_000,
) -> Share:
    """How far a method gets from what is common to all pairs to what can be measured of each.

    (method - common) / (measured - common), each a mean over pairs: 0 for one that knows nothing of
    the pair beyond what is common to all, 1 for one that knows what measuring gives, more for one
    that knows more than an additive map can say, below 0 for one that does worse than the mean map.

    Parameters
    ----------
    method, common, measured
        Scores of the same pairs, the higher the better, shape (pairs,).
    rng
        Of the bootstrap: all three are resampled by the same pairs.
    resamples
        How often.

    Returns
    -------
    Share
        All None if measuring is not better than the mean map beyond chance: nothing is shared out.

    Raises
    ------
    ParameterError
        If there are no pairs, or not as many of each.
    """
    if not len(method) or len({len(method), len(common), len(measured)}) > 1:
        raise ParameterError(
            "a share is of scores of the same pairs; received "
            f"{len(method)}, {len(common)} and {len(measured)}."
        )
    drawn = rng.integers(0, len(method), (resamples, len(method)))
    above = (method - common)[drawn].mean(axis=1)
    whole = (measured - common)[drawn].mean(axis=1)
    if np.quantile(whole, 0.025) <= 0:
        return Share(None, None, None)
    ratios = above / np.where(whole > 0, whole, np.nan)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    value = (method - common).mean() / (measured - common).mean()
    return Share(float(value), float(low), float(high))
