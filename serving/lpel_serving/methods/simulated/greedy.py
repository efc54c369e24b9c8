"""Greedy orders of superpixels in a simulation: by deletion, and by insertion."""

import math

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.simulated.game import Game
from lpel_serving.support.arrays import Floats

MOST_CANDIDATES = 2**16
"""Coalitions that a greedy order simulates for each direction, so that no grid is too fine."""


def least_step(superpixels: int) -> int:
    """The least step of a greedy order of K superpixels within `MOST_CANDIDATES`.

    A step of s takes K / s rounds of K / 2 candidates in the mean.
    """
    return math.ceil(superpixels**2 / (2 * MOST_CANDIDATES))


def deletion_orders(game: Game, step: int) -> NDArray[np.int64]:
    """Order superpixels by greedy deletion: next comes what speaks most for the decision.

    Parameters
    ----------
    game
        The game; each of its directions is ordered.
    step
        Superpixels that a step takes, 1 or more. All candidates of a step are simulated together,
        on top of those that are replaced already.

    Returns
    -------
    NDArray[np.int64]
        Shape (N, K); equal ones by their numbers.
    """
    return _greedy(game, step, replaced=False)


def insertion_orders(game: Game, step: int) -> NDArray[np.int64]:
    """Order superpixels by greedy insertion, from the last to the first: see `deletion_orders`.

    All are replaced; those are put back first whose return speaks least against the decision, and
    they come last in the order.
    """
    return _greedy(game, step, replaced=True)[:, ::-1]


def _greedy(game: Game, step: int, *, replaced: bool) -> NDArray[np.int64]:
    """Change superpixels, at first all replaced or none, in the greedy sequence, (N, K)."""
    count, superpixels = game.directions, game.superpixels
    each = np.eye(superpixels, dtype=np.bool_)
    state = np.full((count, superpixels), replaced)
    sequence = np.empty((count, 0), np.int64)
    while (left := superpixels - sequence.shape[1]) > 0:
        candidates = np.nonzero(state == replaced)[1].reshape(count, left)
        if left == 1:
            return np.concatenate([sequence, candidates], axis=1)
        changes = game.changes(state[:, np.newaxis] ^ each[candidates])
        best = np.argsort(-changes, axis=1, kind="stable")[:, :step]
        taken = np.take_along_axis(candidates, best, axis=1)
        np.put_along_axis(state, taken, values=not replaced, axis=1)
        sequence = np.concatenate([sequence, taken], axis=1)
    return sequence


def changes_along(game: Game, orders: NDArray[np.int64]) -> Floats:
    """Simulate what each superpixel of an order changes on top of those before it, (N, K)."""
    places = np.argsort(orders, axis=1)[:, np.newaxis]
    nested = places < np.arange(game.superpixels + 1)[:, np.newaxis]
    return np.diff(game.changes(nested), axis=1)
