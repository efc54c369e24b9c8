"""Shapley's axioms hold for any game."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.shapley import shapley_design
from support.games import any_game, of_table

pytestmark = pytest.mark.property

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 20), st.integers(1, 60))
def test_attributions_sum_to_the_whole_change(seed, superpixels, count):
    rng = np.random.default_rng(seed)
    design = shapley_design(rng, count, superpixels)
    values = rng.normal(size=len(design.coalitions))
    np.testing.assert_allclose(
        design.attributions(values).sum(), values[-1] - values[-2], atol=1e-9
    )


@given(SEEDS, st.integers(2, 6))
def test_a_dummy_gets_nothing_and_twins_the_same(seed, superpixels):
    rng = np.random.default_rng(seed)
    table = any_game(rng, superpixels)
    design = shapley_design(rng, 2**superpixels, superpixels)
    without = design.coalitions.copy()
    without[:, 0] = False
    found = design.attributions(of_table(table, without))
    np.testing.assert_allclose(found[0], 0, atol=1e-9)
    exchanged = design.coalitions[:, [1, 0, *range(2, superpixels)]]
    twins = of_table(table, design.coalitions) + of_table(table, exchanged)
    found = design.attributions(twins)
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)


@given(SEEDS, st.floats(-3, 3))
def test_attributions_are_linear_in_the_game(seed, scale):
    rng = np.random.default_rng(seed)
    design = shapley_design(rng, 40, 16)
    one, other = rng.normal(size=(2, len(design.coalitions)))
    np.testing.assert_allclose(
        design.attributions(one + scale * other),
        design.attributions(one) + scale * design.attributions(other),
        atol=1e-8,
    )
