"""What coalitions do to the similarity, and what methods say of it: cases with known scores."""

from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.method import FacePair
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.correlation.effects import Hiding, measure_effects
from lpel_tf.research.measures.correlation.measured import measured_maps
from lpel_tf.research.measures.correlation.predictions import predicted_effects
from lpel_tf.research.measures.correlation.scores import correlations, partial_correlation
from support.additive import GREEN, ORDER, RED, Additive, coloured
from support.networks import SIDE, WEIGHTS, Fixed, face_pair
from support.predicting import Knowing

NETWORKS = Additive()
BLACK = Hiding("test", Fill("black"), 24, SIDE)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pair(colour=RED, *, similar: bool = True) -> FacePair:
    return face_pair(NETWORKS, coloured(RED), coloured(colour), similar)


@pytest.fixture(scope="module")
def pairs() -> list[FacePair]:
    return [pair(), pair()]


@pytest.fixture(scope="module")
def effects(pairs):
    return measure_effects(NETWORKS, pairs, BLACK, rng())


def score(values, pairs, effects, hiding=BLACK, **changes) -> np.ndarray:
    method = values if callable(values) else Fixed(np.reshape(values, (SIDE, SIDE)))
    predicted = predicted_effects(method, NETWORKS, pairs, effects, hiding, 0, **changes)
    return correlations(effects, predicted)


def test_the_effect_is_the_fall_of_the_similarity(effects):
    np.testing.assert_allclose(effects.values, effects.coalitions @ NETWORKS.red[:, 0], atol=1e-6)


def test_of_a_dissimilar_pair_it_is_the_rise(pairs, effects):
    dissimilar = [replace(one, similar=False) for one in pairs]
    turned = measure_effects(NETWORKS, dissimilar, BLACK, rng())
    np.testing.assert_array_equal(turned.values, -effects.values)


def test_coalitions_are_of_1_to_three_eighths_and_differ_by_pair(effects):
    sizes = effects.coalitions.sum(axis=-1)
    assert sizes.min() >= 1
    assert sizes.max() <= 6
    assert (effects.coalitions[0] != effects.coalitions[1]).any()


def test_the_best_map_scores_1_and_its_reverse_minus_1(pairs, effects):
    np.testing.assert_allclose(score(WEIGHTS, pairs, effects), 1, atol=1e-6)
    np.testing.assert_allclose(score(-WEIGHTS, pairs, effects), -1, atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 1.0, 1 / 3])
def test_a_map_that_knows_the_size_alone_scores_0(pairs, effects, constant):
    assert (score(np.full(SIDE**2, constant), pairs, effects) == 0).all()


def test_what_the_size_gives_away_does_not_count(pairs, effects):
    np.testing.assert_allclose(score(WEIGHTS + 100, pairs, effects), 1, atol=1e-5)


def test_an_enlarged_map_says_the_same(pairs, effects):
    large = np.kron(WEIGHTS.reshape(SIDE, SIDE), np.ones((10, 10)))
    assert score(Fixed(large), pairs, effects) == pytest.approx(1, abs=1e-6)


def test_a_method_that_predicts_coalitions_is_asked_for_them(pairs, effects):
    knowing = Knowing()
    np.testing.assert_allclose(score(knowing, pairs, effects), 1, atol=1e-6)
    assert knowing.asked == [("test", "black")] * 2


def test_a_transplant_is_asked_for_by_its_name():
    alike = [pair(GREEN, similar=False)] * 2
    hiding = Hiding("transplant", count=12, side=SIDE)
    effects = measure_effects(NETWORKS, alike, hiding, rng())
    knowing = Knowing()
    np.testing.assert_allclose(score(knowing, alike, effects, hiding), 1, atol=1e-6)
    assert set(knowing.asked) == {("transplant", "transplant")}


def test_the_next_pair_is_asked_about_in_place_of_each(effects):
    class Own:
        def __call__(self, pair, networks, rng):
            weights = WEIGHTS if pair is first else ORDER
            return weights.reshape(SIDE, SIDE).astype(np.float32)

    first, second = pair(), pair()
    own = score(Own(), [first, second], effects)
    ahead = score(Own(), [first, second], effects, ahead=1)
    assert own[0] == pytest.approx(1, abs=1e-6)
    assert ahead[1] == pytest.approx(1, abs=1e-6)
    assert ahead[0] < 0.9


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_changes_nothing(pairs, effects, batch_size):
    again = measure_effects(NETWORKS, pairs, BLACK, rng(), batch_size=batch_size)
    np.testing.assert_array_equal(again.values, effects.values)
    np.testing.assert_array_equal(again.coalitions, effects.coalitions)


def test_noise_is_drawn_for_each_image_by_itself():
    seen = []

    class Watching(Additive):
        def embed(self, crops):
            seen.extend(crops)
            return super().embed(crops)

    dissimilar = [pair(similar=False)]  # two equal photographs
    measure_effects(Watching(), dissimilar, Hiding("both", Fill("normal"), 3, SIDE), rng())
    assert len(seen) == 6
    assert all(
        (test != reference).any() for test, reference in zip(seen[::2], seen[1::2], strict=True)
    )


def test_measured_coalitions_find_an_additive_effect(pairs, effects):
    maps = measured_maps(NETWORKS, pairs, BLACK, rng(1), count=256)
    (values,) = maps.values()
    assert list(maps) == ["coalitions 256"]
    assert min(score(values[0], pairs, effects)) > 0.95


def test_what_both_images_lose_is_fitted_in_two_ways():
    dissimilar = [pair(GREEN, similar=False)] * 2
    hiding = Hiding("both", Fill("black"), 24, SIDE)
    maps = measured_maps(NETWORKS, dissimilar, hiding, rng(1), count=32)
    assert list(maps) == ["coalitions 32", "coalitions 32, of the similarity"]
    assert all(one.shape == (SIDE, SIDE) for each in maps.values() for one in each)


@pytest.mark.parametrize("wrong", [np.full(24, np.nan), np.zeros(3)])
def test_a_broken_prediction_is_refused(pairs, effects, wrong):
    class Broken(Knowing):
        def predict(self, pair, networks, coalitions, kind, fill, rng):
            return wrong

    with pytest.raises(EmbeddingError, match="24 coalitions"):
        score(Broken(), pairs, effects)


def test_what_cannot_be_measured_is_refused(effects):
    with pytest.raises(ParameterError, match="at least 1 pair"):
        measure_effects(NETWORKS, [], BLACK, rng())
    with pytest.raises(ParameterError, match="at least 3"):
        Hiding("test", count=2)
    with pytest.raises(ParameterError, match="no kind"):
        Hiding("neither")
    with pytest.raises(ParameterError, match="shape"):
        correlations(effects, np.zeros((2, 3)))


def test_coalitions_of_one_size_are_correlated_as_they_are():
    rising, sizes = np.arange(5.0), np.full(5, 3.0)
    assert partial_correlation(rising, rising, sizes) == pytest.approx(1)
