"""Coalitions along a surrogate's own orders: what they are, and that they are the photograph's."""

import numpy as np
import pytest

from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.methods.simulated.game import game_between
from lpel_serving.methods.simulated.surrogate_order import DEFAULT_STEP, orders_of
from lpel_serving.support.image_shape import square
from lpel_tf.surrogates.donors import choose_donors, others_of_same
from lpel_tf.surrogates.drawing import draw_near_beginnings, draw_small
from lpel_tf.surrogates.measuring import Round, at_random, measure_round
from lpel_tf.surrogates.own_orders import along_own_orders
from lpel_tf.surrogates.photographs import see_photographs
from lpel_tf.surrogates.table import join_rounds
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import tiny, tiny_surrogate
from support.images import write_people
from support.simulated import TinyNetworks

SETTINGS = SurrogateTableSettings(side=4, coalitions=48)
F, M, K = 4, 12, 16


@pytest.fixture
def seen(tmp_path):
    embedder = Embedder(
        tiny_surrogate.embedder_model().SerializeToString(),
        EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit"),
        CentreCrop(),
    )
    people = list_faces(write_people(tmp_path / "people", people=4, each=3))
    return embedder, see_photographs(embedder, people, tmp_path / "local.sqlite")


def donors_of(photographs, seed):
    who = [face.identity for face in photographs.faces]
    return choose_donors(photographs.digests, who, ["train"] * len(who), seed)


def test_half_lie_near_beginnings_of_the_order_of_transplants_from_the_donor(seen):
    _, photographs = seen
    donors, networks = donors_of(photographs, 1), TinyNetworks()
    draw = along_own_orders(networks, photographs, donors, SETTINGS)
    apart, afar = [], []
    for place in range(len(photographs)):
        coalitions = draw(place, np.random.default_rng(place))
        assert coalitions.shape == (F, M, K)
        assert coalitions.dtype == np.bool_
        both = [int(donors[place]), place]
        images = networks.features(np.zeros((2, 16, 16, 3), np.uint8))
        images = type(images)(
            photographs.embeddings[both], photographs.local[both].astype(np.float32)
        )
        game = game_between(images, networks, "transplant", similar=False)
        order = orders_of(game, DEFAULT_STEP)[0]
        apart += [changed(order, one) for one in coalitions[-1, : M // 2]]
        afar += [changed(order, one) for one in coalitions[-1, M // 2 :]]
    assert np.mean(apart) < 2.5, "a few members are changed, 1.5 on average"
    assert np.mean(afar) > np.mean(apart), "the others do not follow it"


def changed(order, coalition):
    """How many members lie elsewhere than in the nearest beginning of an order."""
    beginnings = np.tri(K + 1, K, -1, bool)
    return (beginnings != coalition[order]).sum(axis=1).min()


def test_they_are_drawn_from_the_generator_that_is_given(seen):
    _, photographs = seen
    draw = along_own_orders(TinyNetworks(), photographs, donors_of(photographs, 1), SETTINGS)
    one, again, other = (draw(0, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_round_has_other_donors_coalitions_and_noise_and_is_joined_by_row(seen, tmp_path):
    embedder, photographs = seen
    rounds = []
    for number in (0, 1):
        asked = Round(donors_of(photographs, number), at_random(SETTINGS), number)
        store = tmp_path / f"{number}.sqlite"
        rounds.append(measure_round(embedder, photographs, asked, SETTINGS, store))
    first, second = rounds
    assert (first.donors != second.donors).any()
    assert (first.coalitions != second.coalitions).any()
    both = join_rounds(rounds)
    assert len(both) == 2 * len(photographs)
    assert both.local is first.local, "photographs are held once"
    np.testing.assert_array_equal(both.photographs, np.tile(np.arange(len(photographs)), 2))
    part = both.select(np.ones(len(photographs), bool))
    np.testing.assert_array_equal(part.masked, np.concatenate([first.masked, second.masked]))


def test_others_are_of_the_same_person_and_each_is_taken_once():
    digests = [bytes([i]) for i in (5, 3, 9, 1, 7)]
    others = others_of_same(digests, ["a", "b", "a", "a", "c"])
    assert others.tolist() == [2, 1, 3, 0, 4]


@pytest.mark.parametrize("side", [2, 3, 8])
def test_beginnings_of_every_length_are_drawn_and_none_is_empty(side):
    rng = np.random.default_rng(0)
    order = rng.permutation(side * side)
    drawn = draw_near_beginnings(rng, order, 300)
    assert drawn.any(axis=1).all()
    assert drawn[:, order[0]].mean() > drawn[:, order[-1]].mean()
    sizes = drawn.sum(axis=1)
    assert sizes.min() <= 2
    assert sizes.max() >= side * side - 2


@pytest.mark.parametrize("side", [2, 3, 8])
def test_small_ones_have_up_to_three_eighths(side):
    drawn = draw_small(np.random.default_rng(0), 400, side)
    most = max(1, side * side * 3 // 8)
    assert set(drawn.sum(axis=1).tolist()) == set(range(1, most + 1))
