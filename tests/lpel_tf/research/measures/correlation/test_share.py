"""The share of what is the pair's own: known cases, its interval, and where it is not defined."""

import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.correlation.share import Share, share_of_own

COMMON, MEASURED = np.array([0.2, 0.3, 0.4, 0.1]), np.array([0.6, 0.8, 0.7, 0.6])


def share(method, common=COMMON, measured=MEASURED) -> Share:
    return share_of_own(np.asarray(method), common, measured, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (COMMON, 0),
        (MEASURED, 1),
        ((COMMON + MEASURED) / 2, 0.5),
        (2 * MEASURED - COMMON, 2),
        (2 * COMMON - MEASURED, -1),
    ],
)
def test_it_runs_from_the_mean_map_to_what_is_measured(method, expected):
    found = share(method)
    assert (found.value, found.low, found.high) == pytest.approx((expected,) * 3)


def test_it_is_a_ratio_of_means_not_a_mean_of_ratios():
    method = np.array([0.6, 0.3, 0.4, 0.1])  # all of one pair's own, nothing of the others'
    gained = (MEASURED - COMMON).sum()
    found = share(method)
    assert found.value == pytest.approx(0.4 / gained)
    assert 0 <= found.low < found.value < found.high


def test_where_measuring_gains_nothing_there_is_no_share():
    assert share(MEASURED, common=MEASURED, measured=COMMON) == Share(None, None, None)
    undecided = COMMON + np.array([0.3, -0.3, 0.2, -0.2])
    assert share(MEASURED, measured=undecided).value is None


def test_scores_of_different_pairs_are_refused():
    with pytest.raises(ParameterError, match="same pairs"):
        share([0.1])
    with pytest.raises(ParameterError, match="same pairs"):
        share([], np.array([]), np.array([]))
