"""Aumann-Shapley values in simulation: of games that are known, and of the tiny surrogate."""

import numpy as np
import pytest

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.both_ways import ask_both_ways
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.errors import ParameterError
from support import tiny
from support.games import pairwise
from support.simulated import SIDE, K, Simulating, TinyNetworks, game_pair, tiny_pair

FILLS = ["normal", "mean", "blur", "transplant"]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("similar", [True, False])
def test_the_map_is_the_known_values_of_the_game(similar):
    game = pairwise(generator(1), K, strength=0)
    networks, pair = Simulating(game=game), game_pair(similar, game)
    received = SurrogateAttribution(size=SIDE)(pair, networks, generator())
    assert (received.shape, received.dtype) == ((SIDE, SIDE), np.float32)
    fall = game.shapley if similar else -game.shapley
    np.testing.assert_allclose(received.ravel(), fall, atol=5e-6)


def test_interactions_are_halved_between_the_two():
    game = pairwise(generator(1), K)
    networks, pair = Simulating(game=game), game_pair(True, game)
    received = SurrogateAttribution(size=SIDE)(pair, networks, generator())
    np.testing.assert_allclose(received.ravel(), game.shapley, atol=5e-6)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("similar", [True, False])
def test_the_map_sums_to_what_replacing_everything_does(similar, fill):
    if similar and fill == "transplant":
        return
    networks, pair = TinyNetworks(), tiny_pair(similar)
    method = SurrogateAttribution(fill=fill, size=SIDE)
    kind = "test" if similar else "transplant" if fill == "transplant" else "both"
    everything = np.ones((1, K), bool)
    (change,) = method.predict(pair, networks, everything, kind, fill, generator())
    assert method(pair, networks, generator()).sum() == pytest.approx(change, abs=1e-5)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("similar", [True, False])
def test_both_ways_are_two_calls_in_one_simulation(similar, fill):
    if similar and fill == "transplant":
        return
    pair, method = tiny_pair(similar), SurrogateAttribution(fill=fill, steps=3)
    networks = TinyNetworks()
    found = ask_both_ways(method, pair, networks, generator())
    assert networks.passes == len(networks.calls) == 1
    expected = [method(one, TinyNetworks(), generator(9)) for one in (pair, pair.swapped)]
    assert found.forward.tobytes() == expected[0].tobytes()
    assert found.swapped.tobytes() == expected[1].tobytes()
    same = not similar and fill != "transplant"
    assert (found.forward.tobytes() == found.swapped.tobytes()) == same


@pytest.mark.parametrize("similar", [True, False])
def test_what_is_predicted_is_what_the_embeddings_say(similar):
    pair, networks = tiny_pair(similar), TinyNetworks()
    coalitions = generator(2).random((7, K)) < 0.5
    images = networks.features(np.stack([pair.reference, pair.test]))
    masked = networks.simulate(images, "blur")(coalitions)
    h_r = pair.h_r / np.linalg.norm(pair.h_r)
    given = networks.simulate(images[[1]], "transplant", images[[0]])(coalitions)[0]
    after = {
        "test": masked[1] @ h_r,
        "both": (masked[0] * masked[1]).sum(axis=1),
        "transplant": given @ h_r,
    }
    before = cosine_similarity(pair.h_r, pair.h_t)
    for kind, values in after.items():
        received = SurrogateAttribution().predict(
            pair, networks, coalitions, kind, "blur", generator()
        )
        assert received.dtype == np.float32
        expected = before - values if similar else values - before
        np.testing.assert_allclose(received, expected, atol=1e-6, err_msg=kind)


def test_nothing_replaced_changes_nothing():
    nothing = np.zeros((1, K), bool)
    for kind in ("test", "both", "transplant"):
        (change,) = SurrogateAttribution().predict(
            tiny_pair(False), TinyNetworks(), nothing, kind, "mean", generator()
        )
        assert change == pytest.approx(0, abs=1e-6)


def test_embeddings_may_be_of_any_length():
    pair = tiny_pair(True)
    longer = type(pair)(pair.reference, pair.test, 8 * pair.h_r, pair.h_t / 4, True)
    one, same = (
        SurrogateAttribution()(each, TinyNetworks(), generator()) for each in (pair, longer)
    )
    np.testing.assert_allclose(one, same, atol=1e-6)


def test_the_same_coalitions_are_simulated_for_every_seed():
    pair = tiny_pair(True)
    one, same = (SurrogateAttribution()(pair, TinyNetworks(), generator(seed)) for seed in (0, 1))
    assert one.tobytes() == same.tobytes()


def test_a_smooth_map_is_the_grid_enlarged():
    assert SurrogateAttribution()(tiny_pair(True), TinyNetworks(), generator()).shape == (40, 40)


def test_transplants_explain_dissimilar_pairs_alone():
    with pytest.raises(ParameterError, match=r"explain dissimilar pairs.*choose another fill"):
        SurrogateAttribution(fill="transplant")(tiny_pair(True), TinyNetworks(), generator())


def test_an_unknown_kind_is_refused():
    with pytest.raises(ParameterError, match="no kind of replacement is called 'all'"):
        SurrogateAttribution().predict(
            tiny_pair(True), TinyNetworks(), np.ones((1, K), bool), "all", "mean", generator()
        )


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"steps": 65}, {"fill": "pink"}, {"size": 0}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match="takes"):
        SurrogateAttribution(**wrong)


def test_without_a_surrogate_it_says_what_to_do():
    networks = AssembledNetworks(tiny.embed, tiny.decode, tiny.respond)
    with pytest.raises(ParameterError, match=r"there is no surrogate.*lpel train --method"):
        SurrogateAttribution()(tiny_pair(True), networks, generator())
