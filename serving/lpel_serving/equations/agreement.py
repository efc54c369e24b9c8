"""Agreement of the two maps of a pair explained both ways (section 5.3)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Agreement of two explanations.

    Attributes
    ----------
    spearman
        Rank correlation of the heat-maps, in [-1, 1]; 0 when one of them is constant.
    iou
        Intersection over union of the masks, in [0, 1]; 1 when both are empty.
    """

    spearman: float
    iou: float


def spearman(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of two arrays of one shape; tied values get their mean rank."""
    a, b = (mean_ranks(values.ravel()) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / norm if norm else 0.0


def intersection_over_union(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Share of the pixels in either mask that are in both."""
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 1.0


def mean_ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rank values, shape (N,), from 1; equal ones get the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    first = np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
    ties = np.diff(np.append(first, len(values)))
    ranks = np.empty(len(values), np.float64)
    ranks[order] = np.repeat(first + (ties + 1) / 2, ties)
    return ranks
