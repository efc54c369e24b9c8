"""The axioms that hold for the values of any game, and of games in which no more than two meet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.equations.aumann_shapley import diagonal_design
from support.games import Pairwise, pairwise

pytestmark = pytest.mark.property

few = settings(max_examples=60, deadline=None, derandomize=True)
SEEDS, STEPS, SUPERPIXELS = st.integers(0, 2**32 - 1), st.integers(1, 64), st.integers(2, 20)


@few
@given(SEEDS, STEPS, SUPERPIXELS)
def test_attributions_sum_to_the_whole_change(seed, steps, superpixels):
    design = diagonal_design(steps, superpixels)
    values = np.random.default_rng(seed).normal(size=len(design.coalitions))
    np.testing.assert_allclose(
        design.attributions(values).sum(), values[-1] - values[-2], atol=1e-9
    )


@few
@given(SEEDS, STEPS, st.floats(-3, 3))
def test_attributions_are_linear_in_the_game(seed, steps, scale):
    design = diagonal_design(steps, 16)
    one, other = np.random.default_rng(seed).normal(size=(2, len(design.coalitions)))
    np.testing.assert_allclose(
        design.attributions(one + scale * other),
        design.attributions(one) + scale * design.attributions(other),
        atol=1e-8,
    )


@few
@given(SEEDS, STEPS, SUPERPIXELS)
def test_superpixels_that_are_exchanged_take_their_values_along(seed, steps, superpixels):
    """So those that do the same have the same, whatever the game."""
    rng = np.random.default_rng(seed)
    design, rows = diagonal_design(steps, superpixels), rng.normal(size=(3, superpixels))
    order = rng.permutation(superpixels)

    def game(memberships):
        return np.sin(memberships.astype(np.float64) @ rows.T).prod(axis=1)

    found = design.attributions(game(design.coalitions))
    exchanged = design.attributions(game(design.coalitions[:, order]))
    np.testing.assert_allclose(exchanged[order], found, atol=1e-9)


@few
@given(SEEDS, STEPS, SUPERPIXELS)
def test_a_dummy_gets_nothing_where_no_more_than_two_meet(seed, steps, superpixels):
    game = pairwise(np.random.default_rng(seed), superpixels)
    taking_part = np.arange(superpixels) > 0
    both = game.both * taking_part * taking_part[:, np.newaxis]
    without = Pairwise(game.constant, game.single * taking_part, both)
    design = diagonal_design(steps, superpixels)
    found = design.attributions(without.values(design.coalitions))
    np.testing.assert_allclose(found[0], 0, atol=1e-7)
