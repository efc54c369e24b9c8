"""What holds of cosine similarity, Eq. 5.1, for any embeddings."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lpel_serving.equations.similarity import cosine_similarity
from support.strategies import few, vectors

pytestmark = pytest.mark.property


@few
@given(vectors(2), st.floats(0.001, 1000))
def test_cosine_similarity_is_bounded_symmetric_and_ignores_scale(h, scale):
    cosine = cosine_similarity(h[0], h[1])
    assert -1 <= cosine <= 1
    assert cosine == cosine_similarity(h[1], h[0])
    scaled = h[0] * np.float32(scale)
    assume(np.linalg.norm(scaled.astype(np.float64)) > 1e-30 or not h[0].any())
    assert cosine_similarity(scaled, h[1]) == pytest.approx(cosine, abs=1e-5)


@few
@given(vectors(1))
def test_a_vector_is_as_similar_as_can_be_to_itself_and_the_opposite_of_its_negative(h):
    assume(h.any())
    assert cosine_similarity(h[0], h[0]) == pytest.approx(1)
    assert cosine_similarity(h[0], -h[0]) == pytest.approx(-1)
