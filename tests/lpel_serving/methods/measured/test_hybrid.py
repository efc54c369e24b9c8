"""The hybrid: a simulated order corrected by coalitions that are measured near it."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.ordering import ranks_of
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.equations.superpixels import superpixel_sums
from lpel_serving.methods.both_ways import ask_both_ways, explain_both_ways
from lpel_serving.methods.catalogue.registry import make_method, own_parameters
from lpel_serving.methods.measured.correction import measured_correction
from lpel_serving.methods.measured.hybrid import Hybrid, replaced
from lpel_serving.methods.measured.replacement import Replacement
from lpel_serving.methods.networks import AssembledNetworks, no_responses
from lpel_serving.methods.simulated.game import Game, for_the_decision, game_of
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder, orders_of
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny, tiny_surrogate
from support.additive import GREEN, RED, Additive, coloured
from support.analytic import Counting, pair_of
from support.simulated import SIDE, K, no_decoder, tiny_pair

MEAN = Fill("mean")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def measuring(embed=None) -> AssembledNetworks:
    """The tiny networks, with an embedder that may be asked."""
    one_by_one = Counting(lambda crops: np.concatenate([tiny.embed(c[np.newaxis]) for c in crops]))
    of_surrogate = (tiny_surrogate.features, tiny_surrogate.simulate, tiny_surrogate.FILLS)
    return AssembledNetworks(embed or one_by_one, no_decoder, no_decoder, *of_surrogate)


def speaking_for_the_decision(game: Game, change: Replacement) -> float:
    """What hiding superpixels in the game's order does to the decision, in the mean, measured."""
    (order,) = orders_of(game, 1)
    nested = ranks_of(order) < np.arange(1, K + 1)[:, np.newaxis]
    images = [image for one in nested for image in change.images(one)]
    after = change.similarities(tiny.embed(np.stack(images)))[np.newaxis]
    before = cosine_similarity(change.h_r, change.h_t)[np.newaxis]
    return float(for_the_decision(before, after, similar=game.similar).mean())


@pytest.mark.parametrize("similar", [True, False])
def test_the_more_is_measured_the_sooner_its_order_changes_the_decision(similar):
    pair, networks = tiny_pair(similar), measuring()
    change, game = replaced(pair, COSINE, MEAN, generator()), game_of(pair, networks, "mean")
    corrected = [
        measured_correction(game, change, networks, count, generator()).game for count in (32, 256)
    ]
    areas = [speaking_for_the_decision(one, change) for one in (game, *corrected)]
    assert areas == sorted(areas)
    assert areas[-1] > areas[0] + 0.05


def knowing(pair, errors=None) -> AssembledNetworks:
    """Networks whose surrogate gives what their embedder does, but for errors that add up.

    Images are looked up by the coalition they show. No image shows a superpixel replaced in part,
    and a similar pair's order asks for none.
    """
    h_r = pair.h_r / np.linalg.norm(pair.h_r)

    def simulation(coalitions):
        change = replaced(pair, COSINE, MEAN, generator())
        shown = np.stack([change.images(one > 0.5)[0] for one in coalitions.reshape(-1, K)])
        h = tiny.embed(shown)
        right = h / np.linalg.norm(h, axis=1, keepdims=True)
        wrong = 0 if errors is None else (coalitions.reshape(-1, K) @ errors)[:, np.newaxis] * h_r
        return (right + wrong).astype(np.float32)[np.newaxis]

    def simulate(images, name, donors=None):
        return simulation

    of_surrogate = (tiny_surrogate.features, simulate, (MEAN.name,))
    return AssembledNetworks(tiny.embed, no_decoder, no_decoder, *of_surrogate)


def test_a_surrogate_that_is_right_is_not_corrected():
    pair = tiny_pair(True)
    networks = knowing(pair)
    found = ask_both_ways(Hybrid(16, MEAN, SIDE), pair, networks, generator())
    plain = SurrogateOrder("mean")(pair, networks, generator())
    np.testing.assert_allclose(found.forward, plain, atol=1e-6)
    assert found.errors is not None
    assert found.errors[0].max() < 1e-6


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("fill", ["normal", "blur"])
def test_both_ways_are_two_calls_and_no_image_is_embedded_twice(similar, fill):
    pair, method = tiny_pair(similar), Hybrid(20, Fill(fill))
    networks = measuring()
    found = explain_both_ways(method, pair, networks, generator(3))
    assert len(networks.embed.images) == len(set(networks.embed.images)) == 40
    expected = [method(one, measuring(), generator(3)) for one in (pair, pair.swapped)]
    assert found.forward.tobytes() == expected[0].tobytes()
    assert found.swapped.tobytes() == expected[1].tobytes()
    assert (found.forward.tobytes() == found.swapped.tobytes()) is not similar


@pytest.mark.parametrize("similar", [True, False])
def test_error_bars_are_of_each_superpixel(similar):
    for count in (8, 64):
        found = ask_both_ways(Hybrid(count, MEAN), tiny_pair(similar), measuring(), generator())
        assert found.forward.shape == (SIDE, SIDE)
        assert found.errors is not None
        for errors in found.errors:
            assert (errors.shape, errors.dtype) == ((SIDE, SIDE), np.float32)
            assert (errors > 0).all()


def test_transplants_are_simulated_and_measured_each_way_apart():
    pair, method = tiny_pair(False), Hybrid(20, "transplant")
    networks = measuring()
    found = explain_both_ways(method, pair, networks, generator(3))
    # Some of the one is the complement of some of the other: the same image, embedded once.
    assert len(networks.embed.images) == len(set(networks.embed.images)) <= 40
    expected = [method(one, measuring(), generator(3)) for one in (pair, pair.swapped)]
    assert found.forward.tobytes() == expected[0].tobytes()
    assert found.swapped.tobytes() == expected[1].tobytes() != found.forward.tobytes()
    assert all((errors > 0).all() for errors in found.errors)


def test_transplants_that_are_measured_raise_the_similarity_sooner():
    pair, networks = tiny_pair(False), measuring()
    change = replaced(pair, COSINE, "transplant", generator())
    game = game_of(pair, networks, "transplant")
    corrected = measured_correction(game, change, networks, 256, generator()).game
    assert speaking_for_the_decision(corrected, change) > speaking_for_the_decision(game, change)


def test_transplants_explain_dissimilar_pairs_by_a_surrogate_alone():
    with pytest.raises(ParameterError, match="explain dissimilar pairs"):
        Hybrid(8, "transplant")(tiny_pair(True), measuring(), generator())
    pair = pair_of(coloured(RED), coloured(GREEN), Additive().embed, similar=False)
    with pytest.raises(ParameterError, match="no surrogate knows them"):
        Hybrid(8, "transplant")(pair, Additive(), generator())


def test_errors_that_add_up_are_corrected_in_what_it_predicts_of_other_coalitions():
    pair, coalitions = tiny_pair(True), generator(5).random((64, K)) < 0.3
    networks = knowing(pair, generator(6).normal(0, 0.05, K))

    def predicted(method, asked):
        return method.predict(pair, asked, coalitions, "test", "mean", generator())

    right = predicted(SurrogateOrder("mean"), knowing(pair))
    methods = (SurrogateOrder("mean"), Hybrid(64, MEAN), Hybrid(256, MEAN))
    wrong = [np.abs(predicted(method, networks) - right).mean() for method in methods]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[-1] < 0.7 * wrong[0]


@pytest.mark.parametrize(
    ("kind", "fill", "similar"),
    [("test", "mean", True), ("both", "blur", False), ("transplant", "transplant", False)],
)
def test_a_prediction_costs_the_measured_coalitions_alone(kind, fill, similar):
    pair, networks = tiny_pair(similar), measuring()
    coalitions = generator(5).random((9, K)) < 0.3
    asked = (coalitions, kind, fill)
    received = Hybrid(20).predict(pair, networks, *asked, generator(3))
    assert (received.shape, received.dtype) == ((9,), np.float32)
    assert len(networks.embed.images) == (40 if kind == "both" else 20)
    again = Hybrid(20).predict(pair, measuring(), *asked, generator(3))
    assert again.tobytes() == received.tobytes()
    simulated = SurrogateOrder().predict(pair, networks, *asked, generator())
    assert np.abs(received - simulated).max() > 1e-3


def test_without_a_surrogate_it_predicts_by_the_map_that_measures_the_fill():
    pair = pair_of(coloured(RED), coloured(GREEN), Additive().embed, similar=True)
    coalitions = generator().random((5, SIDE**2)) < 0.5
    asked = (pair, Additive(), coalitions, "test", "normal", generator(1))
    received = Hybrid(32, MEAN).predict(*asked)
    values = superpixel_sums(Hybrid(32)(pair, Additive(), generator(1)), SIDE)
    np.testing.assert_allclose(received, coalitions @ values, rtol=1e-5)
    assert np.abs(received).max() > 0.1
    nothing = Hybrid(32).predict(pair, Additive(), coalitions, "test", "mean", generator(1))
    assert np.abs(nothing).max() < 1e-6, "the mean colour of one colour is that colour"


@pytest.mark.parametrize("networks", [Additive(), measuring()])
def test_what_cannot_be_predicted_is_refused(networks):
    coalitions = np.ones((1, K), bool)
    pair = tiny_pair(False)
    with pytest.raises(ParameterError, match=r"no fill .* is called 'foo'"):
        Hybrid(8).predict(pair, networks, coalitions, "both", "foo", generator())


def test_an_unknown_kind_is_refused():
    with pytest.raises(ParameterError, match="no kind of replacement is called 'all'"):
        Hybrid(8).predict(
            tiny_pair(True), measuring(), np.ones((1, K), bool), "all", "mean", generator()
        )


def test_the_fill_is_read_as_a_word_or_as_what_is_made_of_it():
    assert make_method("hybrid", {"fill": "transplant"}) == Hybrid(fill="transplant")
    assert make_method("hybrid", {"fill": "mean"}) == Hybrid(fill=MEAN)
    (fill,) = (one for one in own_parameters("hybrid") if one.name == "fill")
    assert fill.default == "normal"
    assert fill.range.choices[-1] == "transplant"
    with pytest.raises(ParameterError, match="blur, transplant; received"):
        make_method("hybrid", {"fill": "donor"})
    with pytest.raises(ParameterError, match="fill takes a Fill; received 'mean'"):
        Hybrid(fill="mean")


def test_it_measures_in_eights_and_what_is_left():
    networks = measuring()
    Hybrid(20, MEAN)(tiny_pair(True), networks, generator())
    assert networks.embed.batches == [8, 8, 4]


def test_without_a_surrogate_responses_are_corrected_and_have_no_error_bars():
    pair = pair_of(coloured(RED), coloured(GREEN), Additive().embed, similar=False)
    found = ask_both_ways(Hybrid(8, Fill("black"), SIDE), pair, Additive(), generator())
    assert found.errors is None
    assert np.isfinite(found.forward).all()


UNKNOWN = (
    *(Fill("black"), Fill("grey"), Fill("uniform")),
    *(Fill("normal", variance=0.2), Fill("normal", grain=4)),
)


@pytest.mark.parametrize("fill", UNKNOWN, ids=str)
def test_fills_that_the_surrogate_does_not_know_correct_responses(fill):
    of_surrogate = (tiny_surrogate.features, tiny_surrogate.simulate, tiny_surrogate.FILLS)
    networks = AssembledNetworks(tiny.embed, no_decoder, tiny.respond, *of_surrogate)
    blind = AssembledNetworks(tiny.embed, no_decoder, tiny.respond)
    method = Hybrid(8, fill, SIDE)
    found = ask_both_ways(method, tiny_pair(True), networks, generator())
    assert found.errors is None
    expected = method(tiny_pair(True), blind, generator())
    assert found.forward.tobytes() == expected.tobytes()


def test_a_mean_has_no_variance_that_the_surrogate_could_not_know():
    found = ask_both_ways(
        Hybrid(8, Fill("mean", variance=0.5), SIDE), tiny_pair(True), measuring(), generator()
    )
    assert found.errors is not None


def test_an_unknown_fill_without_responses_is_refused():
    of_surrogate = (tiny_surrogate.features, tiny_surrogate.simulate, tiny_surrogate.FILLS)
    networks = AssembledNetworks(tiny.embed, no_decoder, no_responses, *of_surrogate)
    with pytest.raises(ParameterError, match=r"normal, mean, blur.*black.*no response decoder"):
        Hybrid(8, Fill("black"))(tiny_pair(True), networks, generator())


def test_with_neither_it_says_what_to_do():
    bare = AssembledNetworks(tiny.embed, no_decoder)
    with pytest.raises(ParameterError, match="no response decoder"):
        Hybrid()(tiny_pair(True), bare, generator())


def test_an_embedder_that_gives_nan_is_refused():
    broken = measuring(lambda crops: np.full((len(crops), tiny.DIMENSION), np.nan, np.float32))
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        Hybrid(8, MEAN)(tiny_pair(True), broken, generator())


def test_few_superpixels_have_few_coalitions():
    """On a grid of 2 by 2 there are 15, and no more are measured."""

    def features(crops):
        found = tiny_surrogate.features(crops)
        return type(found)(found.embeddings, found.local[:, :4])

    def simulate(images, fill, donors=None):
        unit = images.embeddings / np.linalg.norm(images.embeddings, axis=1, keepdims=True)

        def simulation(coalitions):
            kept = 1 - coalitions.mean(axis=-1, dtype=np.float32)[..., np.newaxis]
            return (unit[:, np.newaxis] * kept).astype(np.float32)

        return simulation

    counting = Counting(tiny.embed)
    networks = AssembledNetworks(counting, no_decoder, no_decoder, features, simulate, ("mean",))
    received = Hybrid(32, MEAN, 2)(tiny_pair(True), networks, generator())
    assert received.shape == (2, 2)
    assert len(set(counting.images)) == 15
