"""Least squares over all coalitions against Shapley's own definition."""

import numpy as np
import pytest

from lpel_serving.equations.shapley import shapley_design
from oracles import oracle_shapley
from support.games import any_game, of_table, pairwise

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("superpixels", [2, 4, 9])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_complete_design_gives_shapley_values(superpixels, seed):
    table = any_game(np.random.default_rng(seed), superpixels)
    expected = oracle_shapley.shapley_values(
        lambda chosen: table[sum(1 << i for i in chosen)], superpixels
    )
    design = shapley_design(np.random.default_rng(0), 2**superpixels, superpixels)
    found = design.attributions(of_table(table, design.coalitions))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_known_games_have_the_known_values():
    game = pairwise(np.random.default_rng(3), 4)

    def value(chosen):
        return float(game.values(np.isin(np.arange(4), list(chosen))))

    np.testing.assert_allclose(oracle_shapley.shapley_values(value, 4), -game.shapley, atol=1e-12)
