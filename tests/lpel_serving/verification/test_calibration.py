"""Platt scaling and its reliability, where the answer is known."""

import math

import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_serving.verification.calibration import Calibration, even_odds, fit_calibration
from lpel_serving.verification.reliability import EDGES, measure_reliability

INF, NAN = float("inf"), float("nan")


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def by_the_model(n: int, slope: float, intercept: float, seed: int = 0):
    """Pairs whose truth is drawn by a known calibration, symmetric about its one half."""
    rng = np.random.default_rng(seed)
    similarities = rng.uniform(-0.4, 0.4, n) - intercept / slope
    chance = 1 / (1 + np.exp(-(slope * similarities + intercept)))
    return similarities.astype(np.float32), rng.random(n) < chance


def two_places(n_same: int, n_different: int, high: float = 0.75, low: float = 0.25):
    """All pairs of one person in one place, all of two in another."""
    similarities = np.array([high] * n_same + [low] * n_different, np.float32)
    return similarities, np.arange(n_same + n_different) < n_same


# --- the probability ---


def test_a_confidence_is_the_logistic_function_of_the_similarity():
    calibration = Calibration(10, -4)
    assert calibration.confidence(0.4) == 0.5
    assert calibration.confidence(0.6) == pytest.approx(1 / (1 + math.exp(-2)))
    assert calibration.confidence(0.2) == pytest.approx(1 / (1 + math.exp(2)))
    assert isinstance(calibration.confidence(0.4), float)


def test_many_are_answered_in_their_shape_and_in_float64():
    similarities = np.array([[0.1, 0.4], [0.5, 0.9]], np.float32)
    received = Calibration(10, -4).confidences(similarities)
    assert received.shape == (2, 2)
    assert received.dtype == np.float64
    assert received[1, 0] == Calibration(10, -4).confidence(float(similarities[1, 0]))


@pytest.mark.parametrize(("slope", "intercept"), [(1e308, 0), (1e308, 1e308), (5e-324, -1e308)])
def test_coefficients_beyond_measure_give_probabilities_without_a_warning(slope, intercept):
    confidences = Calibration(slope, intercept).confidences(np.array([-1e10, -1, 0, 1, 1e10]))
    assert ((confidences >= 0) & (confidences <= 1)).all()
    assert (np.diff(confidences) >= 0).all()


@pytest.mark.parametrize(
    ("slope", "intercept"), [(0, 0), (-1, 0), (INF, 0), (NAN, 0), (1, NAN), (1, INF), (1, -INF)]
)
def test_coefficients_that_are_none_are_refused(slope, intercept):
    with pytest.raises(ParameterError, match="finite slope above 0") as caught:
        Calibration(slope, intercept)
    assert isinstance(caught.value, ValueError)


# --- the fit ---


@pytest.mark.parametrize(("n_same", "n_different"), [(1, 1), (50, 50), (10, 1000), (1000, 10)])
def test_two_places_are_foretold_just_as_platts_targets_have_it(n_same, n_different):
    received = fit_calibration(*two_places(n_same, n_different))
    high, low = logit((n_same + 1) / (n_same + 2)), logit(1 / (n_different + 2))
    slope = (high - low) / 0.5
    assert received.slope == pytest.approx(slope, rel=1e-9)
    assert received.intercept == pytest.approx(high - slope * 0.75, rel=1e-9)


def test_known_coefficients_are_recovered():
    received = fit_calibration(*by_the_model(200_000, 22.5, -8.8))
    assert received.slope == pytest.approx(22.5, rel=0.02)
    assert received.intercept == pytest.approx(-8.8, rel=0.02)


def test_the_odds_are_even_whatever_the_mixture():
    similarities, same = by_the_model(200_000, 12.0, -4.8)
    kept = same | (np.arange(len(same)) % 10 == 0)
    received = fit_calibration(similarities[kept], same[kept])
    assert np.count_nonzero(same[kept]) > 9 * np.count_nonzero(~same[kept])
    assert received.slope == pytest.approx(12.0, rel=0.03)
    assert received.confidence(0.4) == pytest.approx(0.5, abs=0.02)
    weights = even_odds(similarities[kept], same[kept])
    assert weights[same[kept]].sum() == pytest.approx(0.5)
    assert weights[~same[kept]].sum() == pytest.approx(0.5)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_the_scale_of_similarities_is_only_that_of_the_slope(scale):
    similarities, same = by_the_model(500, 10.0, -2.0)
    one = fit_calibration(similarities, same)
    other = fit_calibration((similarities * np.float64(scale)).astype(np.float32), same)
    assert other.slope * scale == pytest.approx(one.slope, rel=1e-5)
    assert other.intercept == pytest.approx(one.intercept, rel=1e-5)


def test_a_million_pairs_parted_without_an_error_are_fitted():
    n = 500_000
    received = fit_calibration(*two_places(n, n, 0.5 + 1e-3, 0.5 - 1e-3))
    assert received.confidence(0.5) == pytest.approx(0.5, abs=1e-4)
    assert received.confidence(0.501) == pytest.approx(1 - 1 / (n + 2), abs=1e-8)


def test_an_outlier_far_away_does_not_mislead_the_steps():
    similarities = np.array([1e9] + [0.6] * 20 + [0.4] * 20, np.float32)
    received = fit_calibration(similarities, np.arange(41) < 21)
    assert 0 < received.slope < math.inf
    assert received.confidence(0.6) == pytest.approx(received.confidence(0.4), abs=1e-6)


@pytest.mark.parametrize(("high", "low"), [(0.25, 0.75), (0.5, 0.5)])
def test_pairs_of_one_person_that_are_not_the_more_similar_are_refused(high, low):
    with pytest.raises(ParameterError, match="more similar on average") as caught:
        fit_calibration(*two_places(20, 20, high, low))
    assert f"{high:.4f} and {low:.4f}" in str(caught.value)


@pytest.mark.parametrize(("n_same", "n_different"), [(0, 5), (5, 0), (0, 0)])
def test_pairs_of_one_kind_are_refused(n_same, n_different):
    with pytest.raises(ParameterError, match=f"received {n_same} and {n_different}"):
        fit_calibration(*two_places(n_same, n_different))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_similarities_that_are_not_finite_are_refused(value):
    similarities, same = two_places(5, 5)
    similarities[3] = value
    with pytest.raises(ParameterError, match="of 10 pairs, received 9"):
        fit_calibration(similarities, same)


def test_a_similarity_is_needed_for_every_pair():
    similarities, same = two_places(5, 5)
    with pytest.raises(ParameterError, match="of 10 pairs, received 9"):
        fit_calibration(similarities[1:], same)


# --- reliability ---


def test_what_is_drawn_by_the_model_comes_true():
    received = measure_reliability(*by_the_model(40_000, 22.5, -8.8))
    assert received.calibration_error < 0.01
    assert sum(one.low <= one.foretold <= one.high for one in received.bins) >= 8
    assert [one.pairs > 0 for one in received.bins] == [True] * (len(EDGES) - 1)
    for one, low, high in zip(received.bins, EDGES[:-1], EDGES[1:], strict=True):
        assert low <= one.foretold <= high


def test_a_mixture_of_models_does_not_come_true():
    """Half of the pairs turn at another similarity: no one calibration foretells both."""
    one, other = by_the_model(4000, 40.0, -8.0), by_the_model(4000, 40.0, -32.0, seed=1)
    similarities = np.concatenate([one[0], other[0]])
    received = measure_reliability(similarities, np.concatenate([one[1], other[1]]))
    assert received.calibration_error > 0.05


def test_similarities_that_tell_nothing_are_foretold_as_even():
    rng = np.random.default_rng(0)
    same = np.arange(4000) % 2 == 0
    similarities = (rng.normal(0.5, 0.1, 4000) + 0.01 * same).astype(np.float32)
    received = measure_reliability(similarities, same)
    assert received.brier_score == pytest.approx(0.25, abs=0.01)
    assert received.log_loss == pytest.approx(math.log(2), abs=0.01)


def test_pairs_that_a_threshold_parts_are_foretold_well_and_not_without_doubt():
    received = measure_reliability(*two_places(100, 100))
    assert [one.observed for one in received.bins] == [0, 1]
    first, last = received.bins
    assert first.foretold == pytest.approx(1 / 92, rel=1e-6)
    assert last.foretold == pytest.approx(91 / 92, rel=1e-6)
    assert received.calibration_error == pytest.approx(1 / 92, rel=1e-6)
    assert received.brier_score == pytest.approx(1 / 92**2, rel=1e-6)
    assert received.log_loss == pytest.approx(-math.log(91 / 92), rel=1e-6)
    assert first.low == 0
    assert last.high == 1
    assert 0.03 < first.high < 0.04  # Wilson: 1.96² / (100 + 1.96²)
    assert last.low == pytest.approx(1 - first.high)


@pytest.mark.parametrize(("n_same", "n_different"), [(9, 50), (50, 9)])
def test_fewer_pairs_than_folds_are_refused(n_same, n_different):
    with pytest.raises(ParameterError, match="10 folds need at least 10 pairs"):
        measure_reliability(*two_places(n_same, n_different))
