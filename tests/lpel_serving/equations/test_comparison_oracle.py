"""A distance as a similarity, against its definition."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE, Euclidean, spread_of
from lpel_serving.equations.similarity import unit
from lpel_serving.support.errors import EmbeddingError, ParameterError
from oracles import oracle_comparison as oracle

RNG = np.random.default_rng(3)
H = (RNG.normal(size=(20, 5)) * 4 + 30).astype(np.float32)
SPREAD = spread_of(H)
BY_DISTANCE = Euclidean(SPREAD)


def test_the_spread_is_that_of_the_definition():
    assert pytest.approx(oracle.spread(H.tolist()), rel=1e-9) == SPREAD


def test_a_similarity_is_that_of_the_distance():
    received = BY_DISTANCE.similarity(H[:10], H[10:])
    both = zip(H[:10].tolist(), H[10:].tolist(), strict=True)
    expected = [oracle.similarity(*pair, SPREAD) for pair in both]
    np.testing.assert_allclose(received, expected, rtol=1e-5)
    assert received.dtype == np.float32
    scaled = BY_DISTANCE.scale(H)
    np.testing.assert_allclose(BY_DISTANCE.of_scaled(scaled[:10], scaled[10:]), expected, rtol=1e-4)
    turned = BY_DISTANCE.of_scaled(scaled[:10].T, scaled[10:].T, 0)
    np.testing.assert_array_equal(turned, BY_DISTANCE.of_scaled(scaled[:10], scaled[10:]))


def test_two_at_random_have_0_on_average_and_one_with_itself_has_1():
    pairs = BY_DISTANCE.similarity(H[:, np.newaxis], H)
    assert pairs.mean() == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(BY_DISTANCE.similarity(H, H), 1)


def test_unit_vectors_of_spread_1_have_their_cosine():
    u = unit(H - H.mean(axis=0))
    received = Euclidean(1).similarity(u[:10], u[10:])
    np.testing.assert_allclose(received, COSINE.similarity(u[:10], u[10:]), atol=1e-6)


def test_evidence_is_what_losing_a_superpixel_does():
    u = BY_DISTANCE.scale(H)
    of_test, of_reference = (RNG.normal(size=(2, 7, 5)) * 0.3).astype(np.float32)
    received = BY_DISTANCE.likeness(of_test, u[0], u[1])
    expected = oracle.likeness(of_test.tolist(), u[0].tolist(), u[1].tolist())
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
    received = BY_DISTANCE.difference(of_test, of_reference, u[1], u[0])
    both = (of_test.tolist(), of_reference.tolist(), u[1].tolist(), u[0].tolist())
    np.testing.assert_allclose(received, oracle.difference(*both), rtol=1e-4, atol=1e-5)


def test_evidence_of_many_pairs_is_that_of_each():
    u, responses = BY_DISTANCE.scale(H), RNG.normal(size=(4, 7, 5)).astype(np.float32)
    together = BY_DISTANCE.likeness(responses, u[:4], u[4:8])
    each = [BY_DISTANCE.likeness(responses[i], u[i], u[4 + i]) for i in range(4)]
    np.testing.assert_array_equal(together, np.stack(each))


@pytest.mark.parametrize("spread", [0, -1, np.nan, np.inf, 1e-60])
def test_a_spread_that_is_none_is_refused(spread):
    with pytest.raises(ParameterError, match="above 0"):
        Euclidean(spread)


def test_one_embedding_for_all_has_no_spread():
    with pytest.raises(ParameterError, match="above 0"):
        spread_of(np.ones((4, 3), np.float32))


def test_an_embedding_that_is_not_finite_is_refused():
    with pytest.raises(EmbeddingError, match="NaN"):
        BY_DISTANCE.scale(np.float32([[1, np.nan]]))
