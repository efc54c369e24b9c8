"""Curves, the areas under them, and intervals."""

import numpy as np
import pytest

from lpel_serving.faithfulness.deletion_curve import (
    IDENTICAL,
    Interval,
    area,
    bootstrap,
    counts,
    normalise_falling,
    normalise_rising,
    prefixes,
)
from lpel_serving.support.errors import ParameterError


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1, list(range(9))), (2, [0, 2, 4, 6, 8]), (3, [0, 3, 6, 8]), (7, [0, 7, 8]), (8, [0, 8])],
)
def test_the_similarity_is_measured_from_none_to_all(every, expected):
    assert counts(8, every).tolist() == expected


@pytest.mark.parametrize("every", [0, -1, 9])
def test_steps_are_of_at_least_one_superpixel_and_at_most_all(every):
    with pytest.raises(ParameterError, match=f"every 1 to 8 superpixels; received {every}"):
        counts(8, every)


def test_each_step_takes_the_first_so_many():
    received = prefixes(np.array([2, 0, 3, 1]), np.array([0, 1, 3, 4]))
    assert received.tolist() == [
        [False, False, False, False],
        [False, False, True, False],
        [True, False, True, True],
        [True, True, True, True],
    ]


def test_a_falling_curve_is_a_share_of_its_start():
    received = normalise_falling(np.array([[0.5, 0.25, 0.0], [0.8, 0.8, -0.4]]))
    np.testing.assert_allclose(received, [[1, 0.5, 0], [1, 1, -0.5]])


@pytest.mark.parametrize("start", [0.0, -0.2, np.nan])
def test_a_share_of_nothing_is_refused(start):
    with pytest.raises(ParameterError, match="share of the first"):
        normalise_falling(np.array([[0.5, 0.4], [start, 0.1]]))


def test_a_rising_curve_goes_from_0_to_what_a_similarity_of_1_would_be():
    received = normalise_rising(np.array([[0.0, 0.5, 1.0], [-0.5, 0.25, -1.0]]))
    np.testing.assert_allclose(received, [[0, 0.5, 1], [0, 0.5, -1 / 3]])


@pytest.mark.parametrize("start", [IDENTICAL, 1.0, np.nan])
def test_a_curve_that_cannot_rise_is_refused(start):
    with pytest.raises(ParameterError, match=r"cannot rise; one pair starts at .*: leave it out"):
        normalise_rising(np.array([[0.5, 0.6], [start, 1.0]]))
    just_below = np.array([[np.nextafter(IDENTICAL, 0), 1.0]])
    np.testing.assert_array_equal(normalise_rising(just_below), [[0, 1]])


@pytest.mark.parametrize("steps", [2, 3, 65])
def test_areas_of_straight_lines_are_known(steps):
    replaced = np.arange(steps)
    line = np.linspace(1, 0, steps)
    assert area(np.ones(steps), replaced) == pytest.approx(1)
    assert area(line, replaced) == pytest.approx(0.5)
    assert area(0.2 + 0.6 * line, replaced) == pytest.approx(0.5)


def test_the_best_curve_falls_at_once_and_the_worst_at_last():
    replaced = np.arange(65)
    best, worst = np.zeros(65), np.ones(65)
    best[0], worst[-1] = 1, 0
    assert area(best, replaced) == pytest.approx(0.5 / 64)
    assert area(worst, replaced) == pytest.approx(1 - 0.5 / 64)


def test_a_last_step_that_is_shorter_weighs_less():
    assert area(np.array([1.0, 1.0, 0.0]), np.array([0, 3, 4])) == pytest.approx(0.75 + 0.125)


def test_fewer_steps_along_a_straight_line_change_no_area():
    line = np.linspace(1, 0, 65)
    for every in (1, 5, 10, 64):
        replaced = counts(64, every)
        assert area(line[replaced], replaced) == pytest.approx(0.5)


def test_each_of_many_curves_has_its_area():
    curves = np.random.default_rng(0).random((3, 4, 9))
    received = area(curves, np.arange(9))
    assert received.shape == (3, 4)
    assert received[2, 1] == pytest.approx(area(curves[2, 1], np.arange(9)))


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (-0.1, 0.0, 0), (0, 0, 0)],
)
def test_an_interval_has_a_sign_if_it_leaves_out_0(low, high, sign):
    assert Interval((low + high) / 2, low, high).sign == sign


def test_an_interval_lies_about_the_mean():
    values = np.random.default_rng(0).normal(3, 1, 50)
    received = bootstrap(values, np.random.default_rng(0))
    assert received.mean == pytest.approx(values.mean())
    assert received.low < received.mean < received.high
    expected = 1.96 * values.std() / np.sqrt(50)
    assert received.mean - received.low == pytest.approx(expected, rel=0.1)
    assert received.high - received.mean == pytest.approx(expected, rel=0.1)


def test_equal_values_leave_no_doubt():
    received = bootstrap(np.full(5, 0.25), np.random.default_rng(0))
    assert received == Interval(0.25, 0.25, 0.25)


def test_a_wider_share_is_a_wider_interval():
    values = np.random.default_rng(0).normal(size=30)
    narrow, wide = (
        bootstrap(values, np.random.default_rng(0), share=share) for share in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=30)
    one, same, other = (bootstrap(values, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_every_value_is_as_likely_to_be_drawn():
    values = np.arange(4.0)
    received = bootstrap(values, np.random.default_rng(0), share=0.999)
    assert received.low == pytest.approx(0, abs=0.3)
    assert received.high == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("resamples", [1, 7, 2500])
def test_many_values_take_no_more_memory_than_a_million_at_a_time(resamples):
    values = np.random.default_rng(0).normal(size=1001)
    received = bootstrap(values, np.random.default_rng(0), resamples=resamples)
    assert np.isfinite([received.low, received.high]).all()
    assert abs(received.low - received.mean) < 0.2


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform"])
def test_the_interval_covers_the_true_mean_about_19_times_in_20(draw):
    rng = np.random.default_rng(0)
    truth = {"normal": 0, "exponential": 1, "uniform": 0.5}[draw]
    samples = getattr(rng, draw)(size=(600, 40))
    intervals = [bootstrap(sample, rng, resamples=500) for sample in samples]
    covered = np.mean([one.low <= truth <= one.high for one in intervals])
    assert 0.90 < covered < 0.98


@pytest.mark.parametrize("values", [[], [0.1, np.nan], [np.inf, 0.2]])
def test_an_interval_needs_finite_values(values):
    with pytest.raises(ParameterError, match="finite"):
        bootstrap(np.array(values), np.random.default_rng(0))
