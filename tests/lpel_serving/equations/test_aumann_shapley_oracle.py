"""The diagonal's design against the integral itself, and against Shapley's own definition."""

import math

import numpy as np
import pytest

from lpel_serving.equations.aumann_shapley import diagonal_design
from oracles import oracle_aumann_shapley, oracle_shapley
from support.games import any_game, pairwise

pytestmark = pytest.mark.oracle
PLAYERS = 4


def by_design(game, steps):
    design = diagonal_design(steps, PLAYERS)
    return design.attributions(np.array([game(one.tolist()) for one in design.coalitions]))


def set_game(seed):
    table = any_game(np.random.default_rng(seed), PLAYERS)
    return lambda chosen: float(table[sum(1 << i for i in chosen)])


@pytest.mark.parametrize("seed", range(3))
def test_a_smooth_game_is_integrated(seed):
    """As a surrogate's is: a sum over members behind a function that is not straight."""
    rows = np.random.default_rng(seed).normal(size=(3, PLAYERS))

    def game(memberships):
        return sum(math.tanh(float(row @ memberships)) for row in rows)

    expected = oracle_aumann_shapley.aumann_shapley_values(game, PLAYERS)
    errors = [np.abs(by_design(game, steps) - expected).max() for steps in (1, 4, 64)]
    assert errors[0] > errors[1]
    assert errors[1] < 0.01 * np.abs(expected).max()
    assert errors[2] < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("seed", range(3))
def test_where_memberships_are_chances_these_are_shapley_values(seed):
    chosen_game = set_game(seed)
    game = oracle_aumann_shapley.multilinear(chosen_game, PLAYERS)
    expected = oracle_shapley.shapley_values(chosen_game, PLAYERS)
    found = oracle_aumann_shapley.aumann_shapley_values(game, PLAYERS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(by_design(game, 64), expected, atol=5e-4)


def test_known_games_have_the_known_values():
    game = pairwise(np.random.default_rng(3), PLAYERS)

    def value(chosen):
        return float(game.values(np.isin(np.arange(PLAYERS), list(chosen))))

    def extended(memberships):
        return float(game.values(np.array(memberships)))

    found = oracle_shapley.shapley_values(value, PLAYERS)
    np.testing.assert_allclose(found, -game.shapley, atol=1e-12)
    found = oracle_aumann_shapley.aumann_shapley_values(extended, PLAYERS)
    np.testing.assert_allclose(found, -game.shapley, atol=1e-8)
