"""The greedy order of simulated coalitions, and its map."""

import numpy as np
import pytest

from lpel_serving.equations.ordering import mixed_order, ranks_of
from lpel_serving.equations.superpixels import descending
from lpel_serving.methods.both_ways import ask_both_ways
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder, UsualRanks
from lpel_serving.support.errors import ParameterError
from oracles import oracle_ordering
from support.games import Pairwise, pairwise
from support.simulated import SIDE, K, Simulating, TinyNetworks, game_pair, tiny_pair


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def order_of(values: np.ndarray) -> np.ndarray:
    return descending(values.ravel().astype(np.float64), generator())


def expected_order(game: Pairwise, step: int, sign: int) -> list[int]:
    def value(chosen):
        return -sign * float(game.values(np.isin(np.arange(K), list(chosen))))

    return oracle_ordering.greedy(value, K, step)


@pytest.mark.oracle
@pytest.mark.parametrize("step", [1, 2, 3, 16, 100])
@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("strength", [0, 2])
def test_the_order_is_the_greedy_one(step, similar, strength):
    game = pairwise(generator(1), K, strength)
    method, networks = SurrogateOrder(step=step), Simulating(game=game)
    received = method(game_pair(similar, game), networks, generator())
    assert (received.shape, received.dtype) == ((SIDE, SIDE), np.float32)
    assert order_of(received).tolist() == expected_order(game, step, 1 if similar else -1)


@pytest.mark.parametrize("similar", [True, False])
def test_sizes_are_the_changes_of_an_additive_game(similar):
    game = pairwise(generator(1), K, strength=0)
    received = SurrogateOrder()(game_pair(similar, game), Simulating(game=game), generator())
    fall = game.single if similar else -game.single
    np.testing.assert_allclose(received.ravel(), fall, atol=2e-5)


def test_all_candidates_of_a_step_are_simulated_in_one_call():
    networks = TinyNetworks()
    SurrogateOrder(step=2)(tiny_pair(True), networks, generator())
    assert networks.passes == 1
    candidates = [shape[-2] for shape in networks.calls]
    assert candidates == [16, 14, 12, 10, 8, 6, 4, 2, 17]


@pytest.mark.parametrize("fill", ["normal", "mean", "blur", "transplant"])
@pytest.mark.parametrize("similar", [True, False])
def test_both_ways_are_two_calls(similar, fill):
    if similar and fill == "transplant":
        return
    pair, method, networks = tiny_pair(similar), SurrogateOrder(fill), TinyNetworks()
    found = ask_both_ways(method, pair, networks, generator())
    assert networks.passes == 1
    expected = [method(one, TinyNetworks(), generator(9)) for one in (pair, pair.swapped)]
    assert found.forward.tobytes() == expected[0].tobytes()
    assert found.swapped.tobytes() == expected[1].tobytes()
    same = not similar and fill != "transplant"
    assert (found.forward.tobytes() == found.swapped.tobytes()) == same


@pytest.mark.parametrize("similar", [True, False])
def test_the_map_sums_to_what_replacing_everything_does(similar):
    pair, method = tiny_pair(similar), SurrogateOrder()
    everything = np.ones((1, K), bool)
    kind = "test" if similar else "both"
    (change,) = method.predict(pair, TinyNetworks(), everything, kind, "mean")
    received = method(pair, TinyNetworks(), generator())
    assert received.sum() == pytest.approx(change, abs=1e-5)


@pytest.mark.parametrize("similar", [True, False])
def test_the_usual_order_of_that_decision_takes_its_part(similar):
    pair = tiny_pair(similar)
    ranks = generator(3).permutation(K).astype(float), generator(4).permutation(K).astype(float)
    usual = UsualRanks(*(tuple(one.tolist()) for one in ranks))
    own = order_of(SurrogateOrder()(pair, TinyNetworks(), generator()))
    of_decision = ranks[0] if similar else ranks[1]
    for weight in (0, 0.3, 1):
        received = SurrogateOrder(own=weight, usual=usual)(pair, TinyNetworks(), generator())
        expected = mixed_order(own, of_decision, weight)
        np.testing.assert_array_equal(order_of(received), expected)
    np.testing.assert_array_equal(ranks_of(mixed_order(own, of_decision, 0)), of_decision)


def test_a_weight_below_one_needs_a_usual_order():
    with pytest.raises(ParameterError, match="none is given"):
        SurrogateOrder(own=0.5)


def test_usual_ranks_of_another_grid_are_refused():
    usual = UsualRanks((0.0, 1.0), (0.0, 1.0))
    with pytest.raises(ParameterError, match="usual rank for each of 16"):
        SurrogateOrder(own=0.5, usual=usual)(tiny_pair(True), TinyNetworks(), generator())


@pytest.mark.parametrize("wrong", [{"step": 0}, {"own": 1.5}, {"fill": "grey"}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match="takes"):
        SurrogateOrder(**wrong)
