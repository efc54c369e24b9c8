"""What holds of a calibration for any similarities, however they are mixed."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lpel_serving.bundle.confidence_record import fit_confidence
from lpel_serving.verification.calibration import (
    Calibration,
    cross_entropy,
    even_odds,
    fit_calibration,
    logistic,
)

pytestmark = pytest.mark.property

few = settings(max_examples=80, deadline=None, derandomize=True)

cosines = st.floats(-1, 1, width=32)
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
kinds = st.lists(cosines, min_size=1, max_size=30)


def pairs(of_one: list[float], of_two: list[float]):
    similarities = np.array([*of_one, *of_two], np.float32)
    return similarities, np.arange(len(similarities)) < len(of_one)


def told_apart(similarities, same) -> bool:
    """Whether one person's pairs are the more similar, by more than rounding."""
    scores = similarities.astype(np.float64)
    return bool(scores[same].mean() - scores[~same].mean() > 1e-6)


def targets(same):
    n_same, n_different = np.count_nonzero(same), np.count_nonzero(~same)
    return np.where(same, (n_same + 1) / (n_same + 2), 1 / (n_different + 2))


@few
@given(positive, finite, finite, finite)
def test_a_confidence_is_a_probability_that_never_falls(slope, intercept, one, other):
    calibration = Calibration(slope, intercept)
    low, high = (calibration.confidence(s) for s in sorted((one, other)))
    assert 0 <= low <= high <= 1


@few
@given(positive, finite, st.lists(cosines, max_size=8))
def test_many_confidences_are_those_of_each(slope, intercept, similarities):
    calibration = Calibration(slope, intercept)
    together = calibration.confidences(np.array(similarities, np.float32))
    assert together.tolist() == [calibration.confidence(s) for s in similarities]


@few
@given(kinds, kinds)
def test_a_fit_is_finite_and_nothing_near_it_is_likelier(of_one, of_two):
    similarities, same = pairs(of_one, of_two)
    assume(told_apart(similarities, same))
    calibration = fit_calibration(similarities, same)
    assert np.isfinite([calibration.slope, calibration.intercept]).all()
    weights, wanted = even_odds(similarities, same), targets(same)
    best = cross_entropy(calibration.log_odds(similarities), wanted, weights)
    for slope, shift in ((1.01, 0), (0.99, 0), (1, 0.05), (1, -0.05), (1.01, -0.02)):
        near = Calibration(calibration.slope * slope, calibration.intercept + shift)
        there = cross_entropy(near.log_odds(similarities), wanted, weights)
        assert best <= there + 1e-12


@few
@given(kinds, kinds)
def test_at_a_fit_the_foretold_are_on_average_what_was_aimed_at(of_one, of_two):
    similarities, same = pairs(of_one, of_two)
    assume(told_apart(similarities, same))
    weights = even_odds(similarities, same)
    missed = logistic(fit_calibration(similarities, same).log_odds(similarities)) - targets(same)
    assert abs(weights @ missed) < 1e-9
    assert abs(weights @ (missed * similarities)) < 1e-9


@few
@given(kinds, kinds, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(of_one, of_two, random):
    similarities, same = pairs(of_one, of_two)
    assume(told_apart(similarities, same))
    order = list(range(len(same)))
    random.shuffle(order)
    one, other = (
        fit_calibration(similarities, same),
        fit_calibration(similarities[order], same[order]),
    )
    scale = 1e-6 * max(1, abs(one.slope), abs(one.intercept))
    assert abs(one.slope - other.slope) < scale
    assert abs(one.intercept - other.intercept) < scale


@few
@given(kinds, st.floats(0.05, 1))
def test_kinds_that_a_threshold_parts_are_fitted_too(of_two, gap):
    apart = [float(np.float32(s + gap + 2)) for s in of_two]
    similarities, same = pairs(apart, of_two)
    calibration = fit_calibration(similarities, same)
    assert 0 < calibration.slope < np.inf
    least = 1 / (len(of_two) + 2)
    confidences = calibration.confidences(similarities)
    assert confidences[same].min() > confidences[~same].max()
    # Where the likelihood is greatest, what is foretold is on average what is aimed at.
    assert abs(confidences[same].mean() + confidences[~same].mean() - 1) < 1e-6
    assert confidences[same].mean() <= 1 - least + 1e-9


@settings(few, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(50, 120), st.integers(50, 120), st.floats(0.2, 0.9))
def test_the_record_of_any_fit_is_within_its_ranges(seed, n_same, n_different, apart):
    rng = np.random.default_rng(seed)
    of_one = rng.normal(apart, 0.2, n_same).clip(-1, 1)
    of_two = rng.normal(0, 0.2, n_different).clip(-1, 1)
    record = fit_confidence(*pairs(list(of_one), list(of_two)), "some pairs")
    assert record is not None
    reliability = record.reliability
    assert sum(one.pairs for one in reliability.bins) == record.pairs == n_same + n_different
    foretold = [one.foretold for one in reliability.bins]
    assert foretold == sorted(foretold)
    assert all(one.low <= one.observed <= one.high for one in reliability.bins)
    assert 0 <= reliability.brier_score <= reliability.log_loss
    assert reliability.calibration_error <= 1
