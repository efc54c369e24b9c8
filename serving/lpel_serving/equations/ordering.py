"""Orders of superpixels: two averaged by ranks, coalitions along one, the map that has one."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Coalitions
from lpel_serving.support.errors import ParameterError

Order = NDArray[np.int64]
"""The superpixels, each once, the most important first: shape (K,)."""

_STEP = 1e-5
"""The least fall from one superpixel to the next, as a share of the largest change: more than
float32 rounds away, and than orders of maps take for a tie."""

_ALONG = 5 / 8
"""Share of the superpixels in the largest coalition that is drawn along an order."""
_SPREAD = 5 / 32
"""Standard deviation of the noise of ranks, as a share of all superpixels."""


def ranks_of(order: Order) -> NDArray[np.float64]:
    """Place of each superpixel in an order, 0 for the first, shape (K,)."""
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return ranks


def mean_order(order: Order, other: Order) -> Order:
    """Average two orders by rank; ties go by the first.

    Raises
    ------
    ParameterError
        If the two are not of the same superpixels.
    """
    if not np.array_equal(np.sort(order), np.sort(other)):
        raise ParameterError(
            f"expected two orders of the same superpixels; received {order.shape} and "
            f"{other.shape}."
        )
    ranks = np.arange(len(order)) + ranks_of(other)[order]
    return order[np.argsort(ranks, kind="stable")]


def order_map(order: Order, changes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Make a map that falls along an order: changes made monotone, with their sum.

    Parameters
    ----------
    order
        The order.
    changes
        What each step of it changes, in the order's sequence, shape (K,).

    Returns
    -------
    NDArray[np.float64]
        Shape (K,), by superpixel: the falling sequence nearest to the changes in squares, each
        value at least a hundred-thousandth of the largest change above the next. Where nothing
        changes anything, all are 0, without an order.
    """
    count = len(order)
    falling = decreasing(changes)
    largest = float(np.abs(changes).max(initial=0))  # pooled, they may all be 0
    ramp = ((count - 1) / 2 - np.arange(count)) * _STEP * largest
    values = np.empty(count)
    values[order] = falling + ramp
    return values


def decreasing(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Find the nearest sequence, in squares, that never rises; its sum is the same.

    Neighbours that rise are pooled until none does (Ayer et al. 1955, *An empirical distribution
    function for sampling with incomplete information*).
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        mean, size = float(value), 1
        while means and means[-1] <= mean:
            before, many = means.pop(), sizes.pop()
            mean, size = (before * many + mean * size) / (many + size), many + size
        means.append(mean)
        sizes.append(size)
    return np.repeat(np.array(means, np.float64), sizes)


def draw_along(order: Order, rng: np.random.Generator, count: int) -> Coalitions:
    """Draw coalitions near the beginnings of an order, shape (count, K).

    What an order claims is what its beginnings do. Sizes are uniform, from 1 to five eighths of
    all; the members are the first of the order after noise was added to the ranks, so that
    superpixels are members often where they come early, and every coalition is possible.
    """
    ranks, superpixels = ranks_of(order), len(order)
    most = max(1, round(_ALONG * superpixels))
    chosen = np.zeros((count, superpixels), np.bool_)
    for row in chosen:
        noisy = ranks + rng.normal(0, _SPREAD * superpixels, superpixels)
        row[np.argsort(noisy, kind="stable")[: rng.integers(1, most + 1)]] = True
    return chosen
