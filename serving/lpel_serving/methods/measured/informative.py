"""Measures the coalitions that say most about what a simulation got wrong, and corrects its map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.residual_process import (
    NOISES,
    ResidualProcess,
    most_informative,
    prior_process,
)
from lpel_serving.equations.shapley_kernel import draw_pairs, every_coalition
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.measured.replacement import Replacement
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.methods.method import Networks
from lpel_serving.methods.simulated.game import Game, for_the_decision
from lpel_serving.support.arrays import Coalitions

AT_ONCE = 8
"""Coalitions that are chosen and measured together."""
_POOL = 256
"""Random candidates of a choice."""
_FEW = 8
"""With no more superpixels than this, all coalitions are candidates."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What measured coalitions add to a simulated map.

    Attributes
    ----------
    values
        Float64, shape (K,), by superpixel.
    errors
        Standard deviations of `values`, shape (K,).
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def measured_correction(
    game: Game, change: Replacement, networks: Networks, count: int, rng: np.random.Generator
) -> Correction:
    """Measure coalitions where that says most, and correct what the surrogate predicted.

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
        Source of the candidates.

    Raises
    ------
    EmbeddingError
        If an embedding is not finite.
    """
    before = cosine_similarity(change.h_r, change.h_t)[np.newaxis]
    processes = [prior_process(game.superpixels, noise) for noise in NOISES]
    done = np.zeros((0, game.superpixels), np.bool_)
    while len(done) < count:
        pool = _candidates(done, game.superpixels, rng)
        if not len(pool):
            break
        chosen = pool[most_informative(_best(processes), pool, min(AT_ONCE, count - len(done)))]
        images = (image for one in chosen for image in change.images(one))
        job = EmbeddingJob(None, images, len(chosen) * change.images_per_step)
        ((_, embeddings),) = embed_jobs(networks.embed, [job])
        after = change.similarities(embeddings)[np.newaxis]
        measured = for_the_decision(before, after, similar=game.similar)
        residuals = (measured - game.changes(chosen))[0].astype(np.float64)
        for one, residual in zip(chosen, residuals.tolist(), strict=True):
            processes = [process.seen(one, residual) for process in processes]
        done = np.concatenate([done, chosen])
    best = _best(processes)
    return Correction(best.corrections, best.errors)


def _best(processes: list[ResidualProcess]) -> ResidualProcess:
    """The process under which what was seen is likeliest."""
    return max(processes, key=lambda process: process.evidence)


def _candidates(done: Coalitions, superpixels: int, rng: np.random.Generator) -> Coalitions:
    """Coalitions that were not measured yet."""
    few = superpixels <= _FEW
    pool = every_coalition(superpixels) if few else draw_pairs(rng, _POOL, superpixels)
    known = {one.tobytes() for one in done}
    new = {one.tobytes(): one for one in pool if one.tobytes() not in known}
    return np.array(list(new.values()), np.bool_).reshape(-1, superpixels)
