"""The threshold of equal errors: balanced, in float32, and refused where there is none."""

from itertools import pairwise

import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_serving.verification.accuracy import accuracy
from lpel_tf.research.measures.equal_error import equal_error_threshold


def threshold_of(similarities, same) -> float:
    return equal_error_threshold(np.array(similarities, np.float32), np.array(same))


def test_the_equal_error_threshold_lies_in_the_gap_between_the_kinds():
    assert threshold_of([0.125, 0.25, 0.75, 0.875], [False, False, True, True]) == 0.5
    assert threshold_of([0.875, 0.125], [True, False]) == 0.5


def test_the_equal_error_threshold_balances_rates_and_not_counts():
    # Half-way at 0.4375: one of two impostors accepted, two of four genuine pairs rejected.
    similarities = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75]
    same = [False, True, True, False, True, True]
    assert threshold_of(similarities, same) == 0.4375


def test_of_two_equally_unbalanced_thresholds_the_one_with_fewer_errors_is_taken():
    # At 0.3: accepted 1/1, rejected 1/2. At 0.5: accepted 0, rejected 1/2, which errs less.
    assert threshold_of([0.125, 0.375, 0.625], [True, False, True]) == 0.5


def test_similarities_that_are_all_equal_leave_no_choice():
    assert threshold_of([0.5, 0.5], [True, False]) == 0.5


@pytest.mark.parametrize(
    ("similarities", "same", "complaint"),
    [
        ([], [], "needs pairs that show the same and pairs that do not; received 0 and 0"),
        ([0.1, 0.2], [True, True], "received 2 and 0"),
        ([0.1, 0.2], [False, False], "received 0 and 2"),
        ([0.1, np.nan], [True, False], "each of 2 pairs, received 1"),
        ([0.1], [True, False], "each of 2 pairs, received 1"),
    ],
)
def test_an_equal_error_threshold_of_nothing_is_refused(similarities, same, complaint):
    with pytest.raises(ParameterError, match=complaint):
        equal_error_threshold(np.array(similarities, np.float32), np.array(same, np.bool_))


@pytest.mark.parametrize("low", [0.3, 0.387, 0.5, -0.25, 0.0])
def test_an_equal_error_threshold_parts_neighbours_in_float32(low):
    """Half-way between two neighbours rounds to the upper one half the time."""
    scores = [np.float32(low)]
    for _ in range(3):
        scores.append(np.nextafter(scores[-1], np.float32(2)))
    for lower, upper in pairwise(scores):
        similarities = np.array([lower] * 3 + [upper] * 3)
        same = np.array([False] * 3 + [True] * 3)
        threshold = equal_error_threshold(similarities, same)
        assert threshold == float(np.float32(threshold))
        assert accuracy(similarities, same, threshold).total == 1
