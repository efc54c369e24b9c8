"""The greedy order: at each step the superpixels that change the simulated similarity most."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.simulated.game import Game
from lpel_serving.support.arrays import Floats


def greedy_orders(game: Game, step: int) -> NDArray[np.int64]:
    """Order the superpixels of each direction of a game.

    All candidates of a step are simulated together, on top of those that are replaced already.

    Parameters
    ----------
    game
        The game.
    step
        Superpixels that a step takes, 1 or more.

    Returns
    -------
    NDArray[np.int64]
        Shape (N, K): first what speaks most for the decision; equal ones by their numbers.
    """
    count, superpixels = game.directions, game.superpixels
    each = np.eye(superpixels, dtype=np.bool_)
    replaced = np.zeros((count, superpixels), np.bool_)
    orders = np.empty((count, 0), np.int64)
    while (left := superpixels - orders.shape[1]) > 0:
        candidates = np.nonzero(~replaced)[1].reshape(count, left)
        if left == 1:
            return np.concatenate([orders, candidates], axis=1)
        changes = game.changes(replaced[:, np.newaxis] | each[candidates])
        best = np.argsort(-changes, axis=1, kind="stable")[:, :step]
        taken = np.take_along_axis(candidates, best, axis=1)
        np.put_along_axis(replaced, taken, values=True, axis=1)
        orders = np.concatenate([orders, taken], axis=1)
    return orders


def changes_along(game: Game, orders: NDArray[np.int64]) -> Floats:
    """Simulate what each superpixel of an order changes on top of those before it, (N, K)."""
    places = np.argsort(orders, axis=1)[:, np.newaxis]
    nested = places < np.arange(game.superpixels + 1)[:, np.newaxis]
    return np.diff(game.changes(nested), axis=1)
