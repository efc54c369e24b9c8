"""A pair's decision is one value: for one pair and for many, by one comparison in float32."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import (
    DECISIONS,
    Confidence,
    Decision,
    Decisions,
    decide,
    decide_many,
)
from lpel_serving.support.errors import ParameterError

AT = np.float32(0.387)
BELOW, ABOVE = np.nextafter(AT, np.float32(-2)), np.nextafter(AT, np.float32(2))


@pytest.mark.parametrize(
    ("similarity", "threshold", "similar", "sign"),
    [
        (BELOW, AT, False, -1),
        (AT, AT, False, 0),
        (ABOVE, AT, True, 1),
        (AT, 0.387, False, 0),  # in float64 the threshold is the smaller one
        (0.387, AT, False, 0),
        (AT, float(AT) - 1e-9, False, 0),
        (AT, float(AT) + 1e-9, False, 0),
        (1.0, -1.0, True, 1),
        (-1.0, 1.0, False, -1),
        (0.0, -0.0, False, 0),
    ],
)
def test_both_are_compared_in_float32(similarity, threshold, similar, sign):
    found = Decision(float(similarity), float(threshold))
    assert found.similar is similar
    assert found.word == DECISIONS[similar]
    assert np.sign(found.margin) == sign


@pytest.mark.parametrize(("similarity", "threshold"), [(np.nan, 0.4), (0.4, np.nan)])
def test_nan_exceeds_nothing_and_nothing_exceeds_it(similarity, threshold):
    found = Decision(similarity, threshold)
    assert not found.similar
    assert np.isnan(found.margin)
    many = Decisions(np.array([similarity], np.float32), threshold)
    assert not many.similar.any()
    assert np.isnan(many.margin).all()


def test_it_is_frozen_and_cannot_contradict_itself():
    found = Decision(0.7, 0.387)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.similar = False
    with pytest.raises(ValueError, match="init=False"):
        dataclasses.replace(found, similar=False)
    assert not dataclasses.replace(found, threshold=0.8).similar
    assert found == Decision(0.7, 0.387) != Decision(0.7, 0.388)


def test_the_confidence_is_asked_once_about_the_similarity_that_was_decided_on():
    asked: list[float] = []

    def confidence_of(similarity: float) -> Confidence:
        asked.append(similarity)
        return Confidence(0.9, 10)

    h_r, h_t = np.array([[1, 0], [0.6, 0.8]], np.float32)
    found = decide(COSINE, h_r, h_t, 0.5, confidence_of)
    assert asked == [found.similarity]
    assert found.confidence == Confidence(0.9, 10)
    assert decide(COSINE, h_r, h_t, 0.5).confidence is None


@pytest.mark.parametrize(("same", "pairs"), [(-0.1, 9), (1.1, 9), (np.nan, 9), (0.5, 0)])
def test_a_confidence_out_of_range_is_refused(same, pairs):
    with pytest.raises(ParameterError, match="a confidence is a share"):
        Confidence(same, pairs)


def test_no_pairs_have_no_decisions():
    none = np.zeros((0, 4), np.float32)
    assert len(decide_many(COSINE, none, none, 0.4)) == 0
    assert list(decide_many(COSINE, none, none, 0.4)) == []
