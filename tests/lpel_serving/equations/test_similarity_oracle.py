"""Cosine similarity and the decision against the literal Eq. 5.1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.decision import Decision
from lpel_serving.equations.similarity import cosine_similarity
from oracles import equations
from support.embeddings import KINDS, close, embeddings
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("kind", KINDS)
@few
@given(st.integers(1, 32), seeds)
def test_cosine_similarity_is_equation_5_1(kind, dimension, seed):
    h_i, h_j = embeddings(kind, dimension, seed)
    close(cosine_similarity(h_i, h_j), equations.cosine_similarity(h_i.tolist(), h_j.tolist()))


def test_cosine_similarity_of_many_pairs_is_that_of_each():
    h_i, h_j = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    h_i[2] = 0
    received = cosine_similarity(h_i, h_j)
    assert received.shape == (6,)
    expected = [
        equations.cosine_similarity(a.tolist(), b.tolist()) for a, b in zip(h_i, h_j, strict=True)
    ]
    close(received, expected)
    assert received[2] == 0


@pytest.mark.parametrize(
    ("similarity", "threshold", "similar"),
    [(0.5, 0.25, True), (0.25, 0.25, False), (0.0, 0.25, False), (-1.0, -1.0, False)],
)
def test_similar_is_strictly_above_the_threshold(similarity, threshold, similar):
    assert Decision(similarity, threshold).similar is similar
