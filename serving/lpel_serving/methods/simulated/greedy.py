"""Greedy orders of superpixels in a simulation: by deletion, and by insertion.

At each step greed asks what each superpixel that is left would change. Most would change about what
they changed when they were asked last, so that only the most promising are asked again: after lazy
greed (Minoux 1978, *Accelerated greedy algorithms for maximizing submodular set functions*), but a
fixed number of them, so that the order is not always that of asking all.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.simulated.game import Game
from lpel_serving.support.arrays import Floats

MOST_CANDIDATES = 2**16
"""Coalitions that a greedy order simulates for each direction, so that no grid is too fine."""


@dataclass(frozen=True)
class Looks:
    """Which superpixels a step looks at.

    Attributes
    ----------
    share
        Share of all superpixels: those that changed most when they were last looked at; never fewer
        than a step takes.
    again
        The first step looks at all, and so does each that follows after so many; None for the first
        alone.
    """

    share: float
    again: int | None


DELETION = Looks(1 / 8, again=4)
INSERTION = Looks(3 / 16, again=None)
"""Chosen on validation people. Orders by insertion are better than if each step looked at all,
which would follow more closely what the surrogate gets wrong: docs/surrogate.md."""


def least_step(superpixels: int) -> int:
    """The least step of a greedy order of K superpixels within `MOST_CANDIDATES`.

    A step of s takes K / s rounds, which look at less than K / 4 superpixels in the mean.
    """
    return math.ceil(superpixels**2 / (4 * MOST_CANDIDATES))


def deletion_orders(game: Game, step: int) -> NDArray[np.int64]:
    """Order superpixels by greedy deletion: next comes what speaks most for the decision.

    Parameters
    ----------
    game
        The game; each of its directions is ordered.
    step
        Superpixels that a step takes, 1 or more. All that a step looks at are simulated together,
        on top of those that are replaced already.

    Returns
    -------
    NDArray[np.int64]
        Shape (N, K); equal ones by their numbers.
    """
    return _greedy(game, step, DELETION, replaced=False)


def insertion_orders(game: Game, step: int) -> NDArray[np.int64]:
    """Order superpixels by greedy insertion, from the last to the first: see `deletion_orders`.

    All are replaced; those are put back first whose return speaks least against the decision, and
    they come last in the order. Of equal ones that of the lowest number comes last.
    """
    return _greedy(game, step, INSERTION, replaced=True)[:, ::-1]


def _greedy(game: Game, step: int, looks: Looks, *, replaced: bool) -> NDArray[np.int64]:
    """Change superpixels, at first all replaced or none, in the greedy sequence, (N, K)."""
    count, superpixels = game.directions, game.superpixels
    each, of_game = np.eye(superpixels, dtype=np.bool_), np.arange(count)[:, np.newaxis]
    state = np.full((count, superpixels), replaced)
    gains = np.zeros((count, superpixels), np.float32)
    sequence = np.empty((count, superpixels), np.int64)
    few = max(step, math.ceil(looks.share * superpixels))
    for number, start in enumerate(range(0, superpixels, step)):
        left = np.nonzero(state == replaced)[1].reshape(count, -1)
        if left.shape[1] == 1:
            sequence[:, start:] = left
            break
        looks_at_all = number % (looks.again or superpixels) == 0
        looked_at = left if looks_at_all else _most_promising(left, gains[of_game, left], few)
        as_it_is = state[:, np.newaxis]
        changes = game.changes(np.concatenate([as_it_is ^ each[looked_at], as_it_is], axis=1))
        gains[of_game, looked_at] = changes[:, :-1] - changes[:, -1:]
        best = np.argsort(-changes[:, :-1], axis=1, kind="stable")[:, :step]
        taken = looked_at[of_game, best]
        state[of_game, taken] = not replaced
        sequence[:, start : start + step] = taken
    return sequence


def _most_promising(left: NDArray[np.int64], gains: Floats, few: int) -> NDArray[np.int64]:
    """Those of the superpixels left, (N, left), that gained most when last looked at, in order."""
    most = np.argsort(-gains, axis=1, kind="stable")[:, :few]
    return np.sort(left[np.arange(len(left))[:, np.newaxis], most], axis=1)


def changes_along(game: Game, orders: NDArray[np.int64]) -> Floats:
    """Simulate what each superpixel of an order changes on top of those before it, (N, K)."""
    places = np.argsort(orders, axis=1)[:, np.newaxis]
    nested = places < np.arange(game.superpixels + 1)[:, np.newaxis]
    return np.diff(game.changes(nested), axis=1)
