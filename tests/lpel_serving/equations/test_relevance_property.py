"""What holds of relevance, Eq. 4.4, for any embeddings."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lpel_serving.equations.relevance import feature_distance, relevance
from support.strategies import few, vectors

pytestmark = pytest.mark.property


@few
@given(vectors(2), st.booleans())
def test_relevance_lies_in_0_to_1_and_keeps_when_roles_change(h, similar):
    r = relevance(h[0], h[1], similar)
    assert r.dtype == np.float32
    assert r.shape == h[0].shape
    assert r.min() >= 0
    assert r.max() <= 1
    np.testing.assert_array_equal(r, relevance(h[1], h[0], similar))


@few
@given(vectors(2))
def test_relevances_of_both_decisions_sum_to_1(h):
    distances = feature_distance(h[0], h[1])
    assume(distances.max() > distances.min())
    similar, dissimilar = (relevance(h[0], h[1], decision) for decision in (True, False))
    np.testing.assert_allclose(similar + dissimilar, 1, rtol=1e-6)
    for r in (similar, dissimilar):
        assert r.min() == 0
        assert r.max() == 1
