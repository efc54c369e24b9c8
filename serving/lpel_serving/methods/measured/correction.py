"""Measures coalitions near a simulated order, and corrects the simulation by them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.ordering import draw_along
from lpel_serving.equations.residual_process import NOISES, ResidualProcess, prior_process
from lpel_serving.methods.measured.replacement import Replacement
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.methods.networks import Networks
from lpel_serving.methods.simulated.game import Game, for_the_decision
from lpel_serving.methods.simulated.surrogate_order import DEFAULT_STEP, orders_of
from lpel_serving.support.arrays import Coalitions

_AT_ONCE = 8
"""Coalitions that are drawn and measured together, along the order as it is known by then."""
_TRIES = 64
"""Coalitions that are drawn to find so many new ones."""
_FEW = 8
"""With no more superpixels than this, coalitions are drawn from all that there are."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What measured coalitions add to a game.

    Attributes
    ----------
    game
        The game, corrected.
    errors
        Standard deviations of what it predicts of each superpixel alone, float64, shape (K,).
    """

    game: Game
    errors: NDArray[np.float64]


def measured_correction(
    game: Game, change: Replacement, networks: Networks, count: int, rng: np.random.Generator
) -> Correction:
    """Measure coalitions near the order of the superpixels, and correct what was predicted.

    The order is that of the corrections so far: what it claims is what is measured next. See
    `draw_along`.

    Parameters
    ----------
    game
        One direction of a pair, as simulated.
    change
        The same as it is measured.
    networks
        Whose embedder embeds the images.
    count
        Coalitions to measure; fewer if there are not as many.
    rng
        Source of the coalitions.

    Raises
    ------
    EmbeddingError
        If an embedding is not finite.
    """
    before = change.comparison.similarity(change.h_r, change.h_t)[np.newaxis]
    processes = [prior_process(game.superpixels, noise) for noise in NOISES]
    best, done = processes[0], np.zeros((0, game.superpixels), np.bool_)
    while len(done) < count:
        chosen = _new_coalitions(_corrected(game, best), done, rng)[: count - len(done)]
        if not len(chosen):
            break
        images = (image for one in chosen for image in change.images(one))
        job = EmbeddingJob(None, images, len(chosen) * change.images_per_step)
        ((_, embeddings),) = embed_jobs(networks.embed, [job])
        after = change.similarities(embeddings)[np.newaxis]
        measured = for_the_decision(before, after, similar=game.similar)
        residuals = (measured - game.changes(chosen))[0].astype(np.float64)
        for one, residual in zip(chosen, residuals.tolist(), strict=True):
            processes = [process.seen(one, residual) for process in processes]
        best = max(processes, key=lambda process: process.evidence)
        done = np.concatenate([done, chosen])
    return Correction(_corrected(game, best), best.errors)


def _corrected(game: Game, process: ResidualProcess) -> Game:
    """Add the corrections to what a game predicts."""
    return replace(game, corrections=process.corrections)


def _new_coalitions(game: Game, done: Coalitions, rng: np.random.Generator) -> Coalitions:
    """Up to `_AT_ONCE` coalitions that were not measured yet."""
    if game.superpixels <= _FEW:
        drawn = rng.permutation(_all_coalitions(game.superpixels))
    else:
        (order,) = orders_of(game, DEFAULT_STEP)
        drawn = draw_along(order, rng, _TRIES)
    known = {one.tobytes() for one in done}
    new = {one.tobytes(): one for one in drawn if one.tobytes() not in known}
    return np.array(list(new.values())[:_AT_ONCE], np.bool_).reshape(-1, game.superpixels)


def _all_coalitions(superpixels: int) -> Coalitions:
    """Every coalition but the empty one, shape (2**K - 1, K)."""
    numbers: NDArray[np.int64] = np.arange(1, 1 << superpixels)
    return (numbers[:, np.newaxis] >> np.arange(superpixels)) % 2 == 1
