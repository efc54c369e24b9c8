"""The deletion curve: similarity as superpixels are hidden in order (sections 2.2.2, 4.2)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError

Curves = NDArray[np.float64]

IDENTICAL = 0.999
"""From this similarity on, two images count as identical to the network."""


def counts(superpixels: int, every: int) -> NDArray[np.int64]:
    """The number of superpixels replaced at each step: 0, `every`, 2 `every` … and all of them.

    Raises
    ------
    ParameterError
        If `every` is not from 1 to the number of superpixels.
    """
    if not 1 <= every <= superpixels:
        raise ParameterError(
            f"the similarity is measured every 1 to {superpixels} superpixels; received {every}."
        )
    return np.append(np.arange(0, superpixels, every), superpixels)


def prefixes(order: NDArray[np.int64], replaced: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The superpixels replaced at each step of an order, bool, shape (steps, K)."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[np.newaxis] < replaced[:, np.newaxis]


def normalise_falling(similarities: Curves) -> Curves:
    """Divide curves, shape (..., steps), by their first value, as figure 5.12 does.

    Raises
    ------
    ParameterError
        If a curve does not start above 0, where the quotient is meaningless.
    """
    start = similarities[..., :1]
    if not (start > 0).all():
        raise ParameterError(
            "only similarities above 0 can be given as a share of the first; one starts at "
            f"{float(start.min()):.3f}."
        )
    return similarities / start


def normalise_rising(similarities: Curves) -> Curves:
    """Scale curves, shape (..., steps), from 0 at their first value to 1 at a similarity of 1.

    The quotient of figure 5.12 is meaningless for dissimilar pairs, whose similarity starts near 0.

    Raises
    ------
    ParameterError
        If a curve starts at `IDENTICAL` or above, where rounding would dominate the scale.
    """
    start = similarities[..., :1]
    if not (start < IDENTICAL).all():
        raise ParameterError(
            "the similarity of two images that are the same to the network cannot rise; one pair "
            f"starts at {float(start.max()):.6f}: leave it out."
        )
    return (similarities - start) / (1 - start)


def movement(similarities: Curves) -> Curves:
    """The absolute difference of curves, shape (..., steps), from their first value."""
    return np.abs(similarities - similarities[..., :1])


def area(curves: Curves, replaced: NDArray[np.int64]) -> Curves:
    """Area under curves, shape (..., steps), over the share of superpixels replaced.

    By the trapezoid rule; shape (...), one for each curve.
    """
    share = np.diff(replaced / replaced[-1])
    return ((curves[..., 1:] + curves[..., :-1]) / 2) @ share


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap confidence interval over pairs."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 if the whole interval lies above or below 0, otherwise 0."""
        return int(self.low > 0) - int(self.high < 0)


def bootstrap(
    values: Curves, rng: np.random.Generator, *, resamples: int = 10_000, share: float = 0.95
) -> Interval:
    """Mean of values, shape (N,), with its percentile bootstrap interval over them.

    Parameters
    ----------
    values
        One for each pair.
    rng
        The source of randomness.
    resamples
        Number of bootstrap resamples.
    share
        Confidence level of the interval.

    Raises
    ------
    ParameterError
        If there are no values, or one is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise ParameterError(f"an interval needs finite values; received {values!r:.200}.")
    means = np.empty(resamples)
    few = max(1, 1_000_000 // len(values))
    for start in range(0, resamples, few):
        drawn = rng.integers(0, len(values), (min(few, resamples - start), len(values)))
        means[start : start + few] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return Interval(float(values.mean()), float(low), float(high))
