"""Corrections of a simulated map: what is learned of them, how surely, from which coalitions."""

import numpy as np
import pytest

from lpel_serving.equations.attribution import SMOOTHNESS, spatial_kernel
from lpel_serving.equations.residual_process import prior_process
from lpel_serving.methods.measured.embedding_losses import draw_coalitions
from lpel_serving.support.errors import EmbeddingError
from support.games import Pairwise

K = 16


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def smooth_game(rng: np.random.Generator, strength: float = 0.15) -> Pairwise:
    """What a surrogate might get wrong: smooth on the grid, with interactions."""
    root = np.linalg.cholesky(spatial_kernel(K, SMOOTHNESS) + 1e-9 * np.eye(K))
    both = np.triu(rng.normal(size=(K, K)) * strength, 1)
    return Pairwise(0.0, root @ rng.normal(size=K), both + both.T)


def learned(game: Pairwise, coalitions: np.ndarray, noise: float = 0.5):
    process = prior_process(K, noise)
    for one, value in zip(coalitions, (-game.values(coalitions)).tolist(), strict=True):
        process = process.seen(one, value)
    return process


def test_nothing_seen_is_no_correction():
    process = prior_process(K, 1.0)
    assert not process.corrections.any()
    assert not process.errors.any()
    assert process.scale == 0


def test_residuals_of_nothing_leave_no_error():
    process = prior_process(K, 1.0).seen(np.ones(K, bool), 0.0)
    assert not process.corrections.any()
    assert not process.errors.any()


def test_errors_shrink_as_more_is_seen():
    game = smooth_game(generator(1))
    coalitions = draw_coalitions(generator(2), 256, K)
    sizes = [learned(game, coalitions[:n]).errors.mean() for n in (8, 32, 256)]
    assert sizes == sorted(sizes, reverse=True)


def test_everything_is_scaled_with_the_residuals():
    game, coalitions = smooth_game(generator(1)), draw_coalitions(generator(2), 24, K)
    one = learned(game, coalitions)
    tenfold = Pairwise(0.0, 10 * game.single, 10 * game.both)
    other = learned(tenfold, coalitions)
    np.testing.assert_allclose(other.corrections, 10 * one.corrections, atol=1e-9)
    np.testing.assert_allclose(other.errors, 10 * one.errors, atol=1e-9)


def test_error_bars_hold_two_thirds_of_what_they_should():
    inside = []
    for seed in range(60):
        rng = generator(seed)
        root = np.linalg.cholesky(spatial_kernel(K, SMOOTHNESS) + 1e-9 * np.eye(K))
        truth, process = 0.02 * root @ rng.normal(size=K), prior_process(K, 2.0)
        for one in draw_coalitions(rng, 24, K):
            noise = 0.02 * np.sqrt(2.0 * one.sum()) * rng.normal()
            process = process.seen(one, float(one @ truth + noise))
        measured = truth + 0.02 * np.sqrt(2.0) * rng.normal(size=K)
        inside.append(np.mean(np.abs(process.corrections - measured) < process.errors))
    assert 0.6 < np.mean(inside) < 0.78


def test_a_residual_that_is_not_finite_is_refused():
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        prior_process(K, 1.0).seen(np.ones(K, bool), float("nan"))
