"""One pair and many are decided alike, and both as exact arithmetic on float32 has it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import Decision, Decisions, decide, decide_many

pytestmark = pytest.mark.property

cosines = st.floats(-1, 1, width=32)
thresholds = st.floats(-1, 1)
embeddings = arrays.arrays(np.float32, (2, 5, 3), elements=st.floats(-(2.0**20), 2.0**20, width=32))


@given(cosines, thresholds)
def test_a_decision_is_what_exact_arithmetic_says(similarity, threshold):
    found = Decision(similarity, threshold)
    limit = Fraction(float(np.float32(threshold)))
    assert found.similar == (Fraction(similarity) > limit)
    assert (found.margin > 0) == found.similar
    assert (found.margin == 0) == (Fraction(similarity) == limit)
    if found.margin:
        assert found.margin == similarity - threshold


@given(st.lists(cosines, max_size=9), thresholds)
def test_many_similarities_are_decided_as_each_is(similarities, threshold):
    many = Decisions(np.array(similarities, np.float32), threshold)
    assert list(many) == [Decision(one, threshold) for one in similarities]
    for i, one in enumerate(many):
        assert (many.similar[i], many.margin[i]) == (one.similar, one.margin)


@given(embeddings, thresholds)
def test_many_embeddings_are_decided_as_each_pair_is(both, threshold):
    many = decide_many(COSINE, *both, threshold)
    assert list(many) == [
        decide(COSINE, h_r, h_t, threshold) for h_r, h_t in zip(*both, strict=True)
    ]
    assert many.similarity.dtype == np.float32
