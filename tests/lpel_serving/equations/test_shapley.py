"""Designs of coalitions, and attributions by least squares."""

import numpy as np
import pytest

from lpel_serving.equations.shapley import (
    attribution_matrix,
    draw_pairs,
    every_coalition,
    shapley_design,
    shapley_weights,
)
from lpel_serving.support.errors import ParameterError
from support.games import Pairwise, pairwise


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_coalition_is_every_one_but_none_and_all():
    found = every_coalition(4)
    assert found.shape == (14, 4)
    assert len(np.unique(found, axis=0)) == 14
    assert not found.all(axis=1).any()
    assert found.any(axis=1).all()


def test_the_kernel_weighs_by_size():
    coalitions = every_coalition(4)
    weights = shapley_weights(coalitions)
    by_size = {1: 3 / (4 * 1 * 3), 2: 3 / (6 * 2 * 2), 3: 3 / (4 * 3 * 1)}
    expected = np.array([by_size[size] for size in coalitions.sum(axis=1)])
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_coalitions_come_with_their_complements(count):
    drawn = draw_pairs(generator(), count, 64)
    assert drawn.shape == (count, 64)
    whole = drawn[: count - count % 2].reshape(-1, 2, 64)
    np.testing.assert_array_equal(whole[:, 0], ~whole[:, 1])
    assert drawn.any(axis=1).all()
    assert not drawn.all(axis=1).any()


def test_sizes_follow_the_kernel_and_members_are_even():
    drawn = draw_pairs(generator(), 20_000, 10)
    sizes = np.arange(1, 10)
    expected = 1 / (sizes * (10 - sizes))
    shares = np.bincount(drawn.sum(axis=1), minlength=10)[1:] / len(drawn)
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=2e-4)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=1e-12)
    single = drawn[drawn.sum(axis=1) == 1].sum(axis=0)
    assert single.max() - single.min() <= 1


@pytest.mark.parametrize(("count", "superpixels"), [(256, 64), (14, 4), (6, 9), (1, 1), (3, 2)])
def test_columns_sum_to_the_whole_change(count, superpixels):
    design = shapley_design(generator(), count, superpixels)
    expected = np.zeros(design.matrix.shape[1])
    expected[-2:] = -1, 1
    np.testing.assert_allclose(design.matrix.sum(axis=0), expected, atol=1e-12)
    np.testing.assert_array_equal(design.coalitions[-2:].sum(axis=1), [0, superpixels])


@pytest.mark.parametrize("count", [128, 256, 1024])
def test_an_additive_game_is_found_by_any_full_design(count):
    game = pairwise(generator(1), 64, strength=0)
    design = shapley_design(generator(2), count, 64)
    found = design.attributions(game.values(design.coalitions))
    np.testing.assert_allclose(found, -game.single, atol=1e-10)


def test_interactions_are_shared_the_better_the_more_coalitions():
    game = pairwise(generator(1), 64)
    errors = []
    for count in (160, 512, 4096):
        found = [
            design.attributions(game.values(design.coalitions))
            for design in (shapley_design(generator(seed), count, 64) for seed in range(5))
        ]
        errors.append(np.abs(np.array(found) + game.shapley).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.03 * np.abs(game.shapley).mean() + 1e-3


def test_few_coalitions_leave_the_rest_alike():
    design = shapley_design(generator(), 2, 16)
    values = design.coalitions.sum(axis=1) / 16  # all superpixels count the same
    np.testing.assert_allclose(design.attributions(values), 1 / 16, atol=1e-12)


def test_games_are_computed_apart():
    design = shapley_design(generator(), 64, 16)
    values = generator(3).normal(size=(2, 5, 66)).astype(np.float32)
    together = design.attributions(values)
    assert together.shape == (2, 5, 16)
    for one, game in zip(together.reshape(10, 16), values.reshape(10, 66), strict=True):
        assert design.attributions(game).tobytes() == one.tobytes()


def test_the_same_generator_gives_the_same_design():
    one, same = (shapley_design(generator(5), 40, 16) for _ in range(2))
    assert one.matrix.tobytes() == same.matrix.tobytes()
    assert one.coalitions.tobytes() == same.coalitions.tobytes()


def test_a_weight_of_zero_leaves_a_coalition_out():
    coalitions = every_coalition(4)
    weights = shapley_weights(coalitions)
    weights[3] = 0
    game = Pairwise(0.0, generator().normal(size=4), np.zeros((4, 4)))
    values = np.append(game.values(coalitions), [0, game.values(np.ones(4, bool))])
    values[3] = 1e6
    found = attribution_matrix(coalitions, weights) @ values
    np.testing.assert_allclose(found, -game.single, atol=1e-9)


@pytest.mark.parametrize(("count", "superpixels"), [(0, 4), (4, 0)])
def test_nothing_is_no_design(count, superpixels):
    with pytest.raises(ParameterError, match="1 coalition or more"):
        shapley_design(generator(), count, superpixels)


def test_values_of_another_design_are_refused():
    with pytest.raises(ParameterError, match=r"expected values of shape \(\.\.\., 16\)"):
        shapley_design(generator(), 14, 4).attributions(np.zeros(14))
