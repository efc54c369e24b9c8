"""The greedy order of simulated coalitions, and its map."""

import math

import numpy as np
import pytest

from lpel_serving.equations.ordering import mean_order
from lpel_serving.equations.superpixels import descending
from lpel_serving.methods.both_ways import ask_both_ways
from lpel_serving.methods.simulated import greedy
from lpel_serving.methods.simulated.game import game_of
from lpel_serving.methods.simulated.surrogate_attribution import attributions_of
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import ParameterError
from oracles import oracle_ordering
from support.games import Pairwise, pairwise
from support.simulated import SIDE, K, Simulating, TinyNetworks, game_pair, tiny_pair


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def order_of(values: np.ndarray) -> np.ndarray:
    return descending(values.ravel().astype(np.float64), generator())


def value_of(game: Pairwise, sign: int):
    return lambda chosen: -sign * float(game.values(np.isin(np.arange(K), list(chosen))))


@pytest.mark.oracle
@pytest.mark.parametrize("step", [1, 2, 3, 16, 100])
@pytest.mark.parametrize("strength", [0, 2])
def test_similar_pairs_are_ordered_by_greedy_deletion(step, strength):
    game = pairwise(generator(1), K, strength)
    method, networks = SurrogateOrder(step=step), Simulating(game=game)
    received = method(game_pair(True, game), networks, generator())
    assert (received.shape, received.dtype) == ((SIDE, SIDE), np.float32)
    expected = oracle_ordering.greedy(value_of(game, 1), K, step, max(2, step), 4)
    assert order_of(received).tolist() == expected


@pytest.mark.oracle
@pytest.mark.parametrize("step", [1, 2, 3, 16, 100])
@pytest.mark.parametrize("strength", [0, 2])
def test_dissimilar_pairs_are_ordered_by_greedy_insertion(step, strength):
    game = pairwise(generator(1), K, strength)
    pair, networks = game_pair(False, game), Simulating(game=game)
    received = SurrogateOrder(step=step)(pair, networks, generator())
    expected = oracle_ordering.insertion(value_of(game, -1), K, step, max(3, step))
    assert order_of(received).tolist() == expected


@pytest.mark.oracle
def test_transplants_are_ordered_by_insertion_and_attribution():
    pair, networks = tiny_pair(False), TinyNetworks()
    asked = game_of(pair, networks, "transplant")

    def value(chosen):
        return float(asked.changes(np.isin(np.arange(K), list(chosen))[np.newaxis])[0, 0])

    received = SurrogateOrder("transplant")(pair, networks, generator())
    inserted = oracle_ordering.insertion(value, K, 1, 3)
    (attributed,) = attributions_of(asked)
    expected = mean_order(np.array(inserted), np.argsort(-attributed, kind="stable"))
    np.testing.assert_array_equal(order_of(received), expected)


def test_where_looks_are_at_all_that_are_left_greed_is_not_lazy(monkeypatch):
    monkeypatch.setattr(greedy, "DELETION", greedy.Looks(1, again=None))
    game = pairwise(generator(1), K, 2)
    received = SurrogateOrder()(game_pair(True, game), Simulating(game=game), generator())
    expected = oracle_ordering.greedy(value_of(game, 1), K, 1, K, 1)
    assert order_of(received).tolist() == expected


@pytest.mark.parametrize("similar", [True, False])
def test_sizes_are_the_changes_of_an_additive_game(similar):
    game = pairwise(generator(1), K, strength=0)
    received = SurrogateOrder()(game_pair(similar, game), Simulating(game=game), generator())
    fall = game.single if similar else -game.single
    np.testing.assert_allclose(received.ravel(), fall, atol=2e-5)


@pytest.mark.parametrize(
    ("step", "looked_at"), [(2, [16, 2, 2, 2, 8, 2, 2, 2]), (3, [16, 3, 3, 3, 4])]
)
def test_what_a_step_looks_at_is_simulated_in_one_call(step, looked_at):
    """With what was replaced before; then the order. Of three steps' last one, one is left."""
    networks = TinyNetworks()
    SurrogateOrder(step=step)(tiny_pair(True), networks, generator())
    assert networks.passes == 1
    assert [shape[-2] for shape in networks.calls] == [*(n + 1 for n in looked_at), K + 1]


@pytest.mark.parametrize("fill", ["normal", "mean", "blur", "transplant"])
@pytest.mark.parametrize("similar", [True, False])
def test_both_ways_are_two_calls(similar, fill):
    pair, method, networks = tiny_pair(similar), SurrogateOrder(fill), TinyNetworks()
    if similar and fill == "transplant":
        with pytest.raises(ParameterError, match="explain dissimilar pairs"):
            ask_both_ways(method, pair, networks, generator())
        return
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
    (change,) = method.predict(pair, TinyNetworks(), everything, kind, "mean", generator())
    received = method(pair, TinyNetworks(), generator())
    assert received.sum() == pytest.approx(change, abs=1e-5)


@pytest.mark.parametrize("looks", [greedy.DELETION, greedy.INSERTION])
@pytest.mark.parametrize("side", [4, 8, 16, 19, 32, 64])
def test_no_grid_is_so_fine_that_too_many_coalitions_are_simulated(side, looks):
    superpixels, step = side**2, max(1, greedy.least_step(side**2))
    few = max(step, math.ceil(looks.share * superpixels))
    simulated = 0
    for number, left in enumerate(range(superpixels, 1, -step)):
        at_all = number == 0 or (looks.again is not None and number % looks.again == 0)
        simulated += 1 + (left if at_all else min(left, few))
    assert simulated <= greedy.MOST_CANDIDATES * 1.05
    assert step == 1 or simulated > greedy.MOST_CANDIDATES / 2.1


def test_a_fine_grid_takes_larger_steps(monkeypatch):
    monkeypatch.setattr(greedy, "MOST_CANDIDATES", K**2 / 4 / 5)
    fine, asked = TinyNetworks(), TinyNetworks()
    received = SurrogateOrder(step=1)(tiny_pair(True), fine, generator())
    expected = SurrogateOrder(step=5)(tiny_pair(True), asked, generator())
    assert fine.calls == asked.calls
    assert received.tobytes() == expected.tobytes()


@pytest.mark.parametrize("wrong", [{"step": 0}, {"fill": "pink"}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match="takes"):
        SurrogateOrder(**wrong)
