"""Draws the coalitions that a surrogate learns from, in complementary pairs, scattered and compact.

Sizes are uniform over all but the empty and the full coalition, since explanations ask for all of
them. Half of the pairs have members near one or two places, so that holes and what is left around
them occur, as they do among the prefixes of an explanation's order.
"""

import numpy as np

from lpel_serving.support.arrays import Coalitions, Floats

_EXTENT = 8.0
"""Side of the image in the unit of the jitter: a cell of a grid of 8."""
_JITTERS = (0.3, 1.0, 2.0, 4.0)


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


def _nearness(rng: np.random.Generator, side: int) -> Floats:
    """Jittered distances to one or two random places, shape (side * side,)."""
    places = (np.indices((side, side)).reshape(2, -1).T + 0.5) * (_EXTENT / side)
    anchors = rng.uniform(0, _EXTENT, (int(rng.integers(1, 3)), 2))
    distances = np.sqrt(np.square(places[:, np.newaxis] - anchors).sum(axis=2)).min(axis=1)
    return distances + rng.normal(0, rng.choice(_JITTERS), len(places))
