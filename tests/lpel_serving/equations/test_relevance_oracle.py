"""Distance and relevance against the literal Eq. 4.2 and 4.4."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.relevance import feature_distance, relevance
from oracles import equations
from support.embeddings import KINDS, close, embeddings
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("kind", KINDS)
@few
@given(st.integers(1, 32), seeds)
def test_feature_distance_is_equation_4_2(kind, dimension, seed):
    h_r, h_t = embeddings(kind, dimension, seed)
    expected = equations.feature_distance(h_r.tolist(), h_t.tolist())
    close(feature_distance(h_r, h_t), expected)


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@few
@given(st.integers(1, 32), seeds)
def test_relevance_is_equation_4_4(kind, similar, dimension, seed):
    h_r, h_t = embeddings(kind, dimension, seed)
    expected = equations.relevance(h_r.tolist(), h_t.tolist(), similar)
    close(relevance(h_r, h_t, similar), expected, atol=1e-5)


@few
@given(seeds)
def test_relevance_of_many_pairs_is_that_of_each(seed):
    rng = np.random.default_rng(seed)
    h_r, h_t = rng.normal(size=(2, 9, 5)).astype(np.float32)
    h_t[3] = h_r[3]
    similar = rng.random(9) < 0.5
    expected = [
        equations.relevance(r.tolist(), t.tolist(), bool(s))
        for r, t, s in zip(h_r, h_t, similar, strict=True)
    ]
    received = relevance(h_r, h_t, similar)
    assert received.shape == (9, 5)
    close(received, expected)


@pytest.mark.parametrize(("similar", "expected"), [(True, 1.0), (False, 0.0)])
@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_all_distances_equal_normalise_to_zero(similar, expected, offset):
    h_r = np.array([1.0, -2.0, 4.0], np.float32)
    np.testing.assert_array_equal(relevance(h_r, h_r + np.float32(offset), similar), [expected] * 3)
