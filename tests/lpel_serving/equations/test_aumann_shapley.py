"""The design on the diagonal: its memberships, its matrix, and values that are known."""

import numpy as np
import pytest

from lpel_serving.equations.aumann_shapley import DIFFERENCE, diagonal_design
from lpel_serving.support.errors import ParameterError
from support.games import pairwise

STEPS = [1, 2, 3, 4, 16, 64]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("superpixels", [1, 4, 64])
def test_a_point_is_followed_by_those_beside_it(steps, superpixels):
    design = diagonal_design(steps, superpixels)
    assert design.coalitions.dtype == np.float32
    assert design.coalitions.shape == (steps * (superpixels + 1) + 2, superpixels)
    assert design.coalitions.min() == 0
    assert design.coalitions.max() == 1
    np.testing.assert_array_equal(design.coalitions[-2:].sum(axis=1), [0, superpixels])
    for i, block in enumerate(design.coalitions[:-2].reshape(steps, superpixels + 1, superpixels)):
        np.testing.assert_allclose(block[0], (i + 0.5) / steps, atol=1e-7)
        change = min(DIFFERENCE, 0.5 / steps) * (-1) ** i
        np.testing.assert_allclose(block[1:] - block[0], np.eye(superpixels) * change, atol=1e-7)


@pytest.mark.parametrize(("steps", "superpixels"), [(4, 64), (1, 1), (3, 2), (64, 9)])
def test_columns_sum_to_the_whole_change(steps, superpixels):
    design = diagonal_design(steps, superpixels)
    expected = np.zeros(design.matrix.shape[1])
    expected[-2:] = -1, 1
    np.testing.assert_allclose(design.matrix.sum(axis=0), expected, atol=1e-12)


@pytest.mark.parametrize("steps", STEPS)
def test_an_additive_game_is_exact(steps):
    game = pairwise(generator(1), 64, strength=0)
    design = diagonal_design(steps, 64)
    found = design.attributions(game.values(design.coalitions))
    np.testing.assert_allclose(found, -game.single, atol=1e-12)


@pytest.mark.parametrize("steps", STEPS)
def test_interactions_of_two_are_halved_between_them(steps):
    game = pairwise(generator(1), 64)
    design = diagonal_design(steps, 64)
    found = design.attributions(game.values(design.coalitions))
    np.testing.assert_allclose(found, -game.shapley, atol=1e-7)  # of the points in float32
    rounded = game.values(design.coalitions).astype(np.float32)
    np.testing.assert_allclose(design.attributions(rounded), found, atol=5e-6)


@pytest.mark.parametrize("steps", [2, 4, 16])
def test_squares_are_shared_exactly_by_an_even_number_of_steps(steps):
    single, squared = generator(2).normal(size=(2, 9))
    design = diagonal_design(steps, 9)
    z = design.coalitions.astype(np.float64)
    found = design.attributions(z @ single + z**2 @ squared)
    np.testing.assert_allclose(found, single + squared, atol=1e-7)


@pytest.mark.parametrize("steps", [1, 4])
def test_three_superpixels_by_hand(steps):
    """The first two together, and all three: 1/2 + 1/3, the same, and 1/3."""
    design = diagonal_design(steps, 3)
    one, two, three = design.coalitions.astype(np.float64).T
    found = design.attributions(one * two + one * two * three)
    np.testing.assert_allclose(found, [5 / 6, 5 / 6, 1 / 3], atol=1e-7)


def test_what_the_differences_leave_is_spread_evenly():
    design = diagonal_design(1, 4)
    values = np.zeros(len(design.coalitions))
    values[-1] = 1
    np.testing.assert_allclose(design.attributions(values), 1 / 4, atol=1e-15)


def test_games_are_computed_apart():
    design = diagonal_design(2, 16)
    values = generator(3).normal(size=(2, 5, 36)).astype(np.float32)
    together = design.attributions(values)
    assert together.shape == (2, 5, 16)
    for one, game in zip(together.reshape(10, 16), values.reshape(10, 36), strict=True):
        assert design.attributions(game).tobytes() == one.tobytes()


@pytest.mark.parametrize(("steps", "superpixels"), [(0, 4), (4, 0)])
def test_nothing_is_no_design(steps, superpixels):
    with pytest.raises(ParameterError, match="1 step or more"):
        diagonal_design(steps, superpixels)


def test_a_design_that_is_too_large_is_refused():
    with pytest.raises(ParameterError, match="need coalitions of 256 MiB, more than 32: choose"):
        diagonal_design(4, 64**2)
    with pytest.raises(ParameterError, match="need coalitions of 32 MiB, more than 32"):
        diagonal_design(9, 966)  # a little more
    assert diagonal_design(64, 64).coalitions.nbytes < 32 * 2**20


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_float32_loses_no_more_than_the_values_do(steps):
    design = diagonal_design(steps, 64)
    values = generator(4).normal(size=(3, len(design.coalitions))).astype(np.float32)
    found = design.attributions(values)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, design.attributions(values.astype(np.float64)), atol=2e-5)
    np.testing.assert_allclose(found, values @ design.matrix.T, atol=2e-5)


def test_values_of_another_design_are_refused():
    with pytest.raises(ParameterError, match=r"expected values of shape \(\.\.\., 12\)"):
        diagonal_design(2, 4).attributions(np.zeros(14))
