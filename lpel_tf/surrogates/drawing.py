"""Draws the coalitions that a surrogate learns from, in complementary pairs, scattered and compact.

Sizes are uniform over all but the empty and the full coalition, since explanations ask for all of
them. Half of the pairs have members near one or two places, so that holes and what is left around
them occur, as they do among the prefixes of an explanation's order.
"""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Coalitions, Floats

_EXTENT = 8.0
"""Side of the image in the unit of the jitter: a cell of a grid of 8."""
_JITTERS = (0.3, 1.0, 2.0, 4.0)
_CHANGED = 1.5
"""Members that are changed in the beginning of an order, on average."""


def draw_complements(rng: np.random.Generator, pairs: int, side: int) -> Coalitions:
    """Draw pairs of coalitions, each followed by its complement.

    Parameters
    ----------
    rng
        The source of randomness: with one seed, n pairs are the first n of any larger number.
    pairs
        How many. Every other one is compact: the superpixels nearest to one or two random places,
        with jitter; the members of the others are uniform.
    side
        Superpixels along one side, 2 or more.

    Returns
    -------
    NDArray[np.bool_]
        Shape (2 * pairs, side * side).
    """
    superpixels = side * side
    chosen = np.zeros((pairs, superpixels), np.bool_)
    for pair, row in enumerate(chosen):
        size = rng.integers(1, superpixels)
        scores = _nearness(rng, side) if pair % 2 else rng.random(superpixels)
        row[np.argsort(scores, kind="stable")[:size]] = True
    return np.stack([chosen, ~chosen], axis=1).reshape(2 * pairs, superpixels)


def draw_small(rng: np.random.Generator, count: int, side: int) -> Coalitions:
    """Draw scattered coalitions of 1 to 3/8 of the superpixels, shape (count, side * side)."""
    superpixels = side * side
    sizes = rng.integers(1, max(2, superpixels * 3 // 8 + 1), (count, 1))
    ranks = rng.random((count, superpixels)).argsort(axis=1).argsort(axis=1)
    return ranks < sizes


def draw_near_beginnings(
    rng: np.random.Generator, order: NDArray[np.int64], count: int
) -> Coalitions:
    """Draw beginnings of an order, short, middling and long in turn, with a few members changed.

    Parameters
    ----------
    rng
        The source of randomness.
    order
        All K superpixels, shape (K,).
    count
        How many.

    Returns
    -------
    NDArray[np.bool_]
        Shape (count, K); none is empty.
    """
    superpixels = len(order)
    ends = (1, superpixels // 6 + 1, superpixels // 2, superpixels)
    chosen = np.zeros((count, superpixels), np.bool_)
    for place, row in enumerate(chosen):
        low, high = ends[place % 3], ends[place % 3 + 1]
        row[order[: rng.integers(low, max(high, low + 1))]] = True
        row[rng.integers(superpixels, size=rng.poisson(_CHANGED))] ^= True
        row[order[0]] |= not row.any()
    return chosen


def _nearness(rng: np.random.Generator, side: int) -> Floats:
    """Jittered distances to one or two random places, shape (side * side,)."""
    places = (np.indices((side, side)).reshape(2, -1).T + 0.5) * (_EXTENT / side)
    anchors = rng.uniform(0, _EXTENT, (int(rng.integers(1, 3)), 2))
    distances = np.sqrt(np.square(places[:, np.newaxis] - anchors).sum(axis=2)).min(axis=1)
    return distances + rng.normal(0, rng.choice(_JITTERS), len(places))
