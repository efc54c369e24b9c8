"""What the curves say of a method, in numbers and in words."""

import re

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import Measured, measure_curves
from lpel_serving.faithfulness.controls import CONTROLS, OF_SUBJECT, RANDOM
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import Interval
from lpel_serving.faithfulness.judgement import (
    FEW,
    areas,
    headline,
    in_numbers,
    judge,
    normalised,
    outcome,
)
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.support.errors import ParameterError
from support.networks import (
    BEST,
    Fixed,
    Weighing,
    dissimilar_pairs,
    similar_pairs,
)

LEVELS = range(255, 195, -5)
STEPS = np.linspace(0, 1, 17)


def measured_with(kind="test", method=BEST, name="ours", **rivals) -> Measured:
    settings = CurveSettings(kind, 2, 8, fill=Fill("black"), draws=10)
    pairs = similar_pairs(LEVELS) if kind == "test" else dissimilar_pairs(range(0, 60, 5))
    rng = np.random.default_rng(0)
    return measure_curves(Weighing(), pairs, (name, method), settings, rng, rivals=rivals)


def made_up(similar=True, kind="test", **slopes) -> Measured:
    """Straight curves: each order loses, or gains, so much; one slope for each pair."""
    settings = CurveSettings(kind, 2, 8, draws=2)
    names = ("ours", *(name.replace("_", " ") for name in slopes), RANDOM, RANDOM)
    change = np.array([*slopes.values(), slopes["reverse"], slopes["reverse"]])
    own = np.full(change.shape[1], 0.4)
    slope = np.concatenate([own[np.newaxis], change]).T[:, :, np.newaxis]
    curves = 0.8 * (1 - slope * STEPS) if similar else slope * STEPS
    return Measured(settings, similar, "ours", names, curves, 0)


def judged(measured: Measured, **options):
    return judge(measured, np.random.default_rng(0), **options)


kinds = pytest.mark.parametrize("kind", ["test", "both", "transplant"])


@kinds
def test_the_best_order_beats_chance_and_its_own_reverse(kind):
    judgement = judged(measured_with(kind))
    for name in (RANDOM, "reverse", "shifted", "centre"):
        assert judgement.against(name).outcome == "better", name
    assert "ours beats a random order" in judgement.against(RANDOM).words
    assert judgement.lower_is_better == (kind == "test")


@kinds
def test_the_worst_order_does_worse_than_chance_and_its_own_reverse(kind):
    judgement = judged(measured_with(kind, Fixed(-BEST.values)))
    for name in (RANDOM, "reverse", "centre", "occlusion"):
        assert judgement.against(name).outcome == "worse", name
    assert "ours does worse than a random order" in judgement.against(RANDOM).words


@kinds
def test_a_copy_of_a_control_is_not_told_apart_from_it(kind):
    judgement = judged(measured_with(kind))
    # All pairs have one map, and occlusion finds the best order too.
    for name in ("another pair", "occlusion"):
        comparison = judgement.against(name)
        assert comparison.outcome == "undecided", name
        assert comparison.difference.mean == pytest.approx(0, abs=1e-6)
    words = judgement.against("another pair").words
    assert words.startswith("ours is not clearly better or worse than another pair's map: ")


def test_a_copy_of_the_centre_is_not_told_apart_from_the_centre():
    judgement = judged(measured_with(method=Centre()))
    assert judgement.against("centre").outcome == "undecided"


def test_numbers_are_those_of_the_areas():
    measured = measured_with()
    judgement, by_name = judged(measured), areas(measured)
    assert judgement.area.mean == pytest.approx(by_name["ours"].mean())
    assert judgement.area.low <= judgement.area.mean <= judgement.area.high
    assert judgement.pairs == len(LEVELS)
    for name, values in by_name.items():
        if name == "ours":
            continue
        comparison = judgement.against(name)
        assert comparison.area.mean == pytest.approx(values.mean())
        difference = by_name["ours"] - values
        assert comparison.difference.mean == pytest.approx(difference.mean())
        low, high = comparison.difference.low, comparison.difference.high
        assert difference.min() - 1e-12 <= low <= high <= difference.max() + 1e-12


def test_pairs_are_compared_with_themselves():
    # Pairs differ far more from one another than the two orders do on any of them.
    base = np.linspace(0.1, 0.9, 12)
    measured = made_up(reverse=base, theirs=base)
    names = ("ours", "reverse", "theirs", RANDOM, RANDOM)
    curves = measured.similarities.copy()
    curves[:, 0] = 0.8 * (1 - (base[:, np.newaxis] + 0.01) * STEPS)
    measured = Measured(measured.settings, True, "ours", names, curves, 0)
    comparison = judged(measured).against("theirs")
    assert comparison.outcome == "better"
    assert comparison.difference.mean == pytest.approx(-0.005)
    assert comparison.difference.high - comparison.difference.low < 1e-9
    assert judged(measured).area.high - judged(measured).area.low > 0.1


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize(
    ("slope", "expected"), [(0.2, ("better", "beats")), (0.6, ("worse", "does worse than"))]
)
def test_a_steeper_curve_is_better_whichever_way_it_goes(similar, slope, expected):
    kind = "test" if similar else "both"
    measured = made_up(similar, kind, reverse=np.full(9, 0.4), theirs=np.full(9, slope))
    comparison = judged(measured).against("theirs")
    difference = (slope - 0.4) / 2 if similar else (0.4 - slope) / 2
    assert comparison.difference.mean == pytest.approx(difference)
    assert comparison.outcome == expected[0]
    number = f"{difference:+.3f}"
    expected_words = f"ours {expected[1]} theirs: difference in area {number} [{number}, {number}]."
    assert comparison.words == expected_words


def test_a_transplant_into_a_similar_pair_should_matter_little():
    measured = measured_with("transplant")
    measured = Measured(measured.settings, True, "ours", measured.names, measured.similarities, 0)
    judgement = judged(measured)
    np.testing.assert_allclose(normalised(measured)[:, :, 0], 0)
    assert judgement.lower_is_better
    assert judgement.against(RANDOM).outcome == "worse"


def test_what_leaves_room_for_doubt_is_undecided():
    slopes = 0.4 + np.array([-0.3, 0.3, -0.2, 0.2, 0.1, -0.1, 0.25, -0.25])
    comparison = judged(made_up(reverse=slopes, theirs=slopes)).against("theirs")
    assert comparison.outcome == "undecided"
    low, high = comparison.difference.low, comparison.difference.high
    assert low < 0 < high
    assert comparison.words.endswith(f"[{low:+.3f}, {high:+.3f}].")


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "expected"),
    [
        (-0.2, -0.1, True, "better"),
        (-0.2, -0.1, False, "worse"),
        (0.1, 0.2, True, "worse"),
        (0.1, 0.2, False, "better"),
        (-0.1, 0.2, True, "undecided"),
        (-0.1, 0.2, False, "undecided"),
        (0.0, 0.0, True, "undecided"),
    ],
)
def test_an_outcome_takes_the_whole_interval(low, high, lower_is_better, expected):
    difference = Interval((low + high) / 2, low, high)
    assert outcome(difference, lower_is_better=lower_is_better) == expected


def test_numbers_bear_their_sign():
    assert in_numbers(Interval(0.0123, -0.0034, 0.0271)) == "+0.012 [-0.003, +0.027]"


def test_the_random_orders_are_one_comparison_and_a_band():
    measured = measured_with()
    judgement = judged(measured)
    names = [comparison.against for comparison in judgement.comparisons]
    assert names.count(RANDOM) == 1
    assert set(names) == set(CONTROLS)
    assert judgement.random_band.shape == (2, 17)
    draws = normalised(measured)[:, -10:].mean(axis=0)
    np.testing.assert_allclose(judgement.random_band, [draws.min(axis=0), draws.max(axis=0)])
    random = judgement.curves[RANDOM]
    assert (judgement.random_band[0] <= random + 1e-12).all()
    assert (random <= judgement.random_band[1] + 1e-12).all()


def test_mean_curves_are_means_over_pairs():
    measured = measured_with()
    judgement = judged(measured)
    assert set(judgement.curves) == {"ours", *CONTROLS}
    for place, name in enumerate(measured.names[:-10]):
        expected = normalised(measured)[:, place].mean(axis=0)
        np.testing.assert_allclose(judgement.curves[name], expected)
    np.testing.assert_array_equal(judgement.replaced, np.arange(17))


def test_the_same_seed_gives_the_same_judgement():
    measured = measured_with()
    one, same = judged(measured), judged(measured)
    assert one.comparisons == same.comparisons
    other = judge(measured, np.random.default_rng(1))
    assert one.area != other.area


def test_rivals_are_compared_too():
    measured = measured_with(theirs=Fixed(-BEST.values))
    comparison = judged(measured).against("theirs")
    assert comparison.words.startswith("ours beats theirs: difference in area -")


def test_a_rival_method_may_be_judged():
    judgement = judged(measured_with(theirs=Fixed(-BEST.values)), method="theirs")
    assert judgement.method == "theirs"
    assert judgement.against("ours").words.startswith("theirs does worse than ours: ")
    assert "theirs" not in {comparison.against for comparison in judgement.comparisons}


def test_the_controls_of_another_method_are_not_called_a_rivals_own():
    judgement = judged(measured_with(theirs=Fixed(-BEST.values)), method="theirs")
    words = [comparison.words for comparison in judgement.comparisons]
    words.append(headline(judgement))
    assert not [one for one in words if re.search(r"\bits (own|map)\b", one)]


# The headline


def shape(better=(), undecided=(), worse=()) -> str:
    """The headline for so many controls of each outcome."""
    flat = np.full(9, 0.4)
    around = 0.4 + np.linspace(-0.2, 0.2, 9)
    slopes = dict.fromkeys(better, flat - 0.1)
    slopes |= dict.fromkeys(undecided, around) | dict.fromkeys(worse, flat + 0.1)
    settings = CurveSettings("test", 2, 8, draws=1)
    names = ("ours", *[name for name in slopes if name != RANDOM], RANDOM)
    change = [flat, *[slopes[name] for name in names[1:]]]
    curves = 0.8 * (1 - np.array(change).T[:, :, np.newaxis] * STEPS)
    measured = Measured(settings, True, "ours", names, curves, 0)
    return headline(judged(measured))


def test_the_headline_of_one_control_names_it():
    assert shape(better=[RANDOM]) == "ours beats a random order."
    assert shape(undecided=[RANDOM]) == "ours is not clearly better or worse than a random order."
    assert shape(worse=[RANDOM]) == "ours does worse than a random order."


def test_the_headline_of_several_lists_them():
    assert shape(better=[RANDOM, "reverse"]) == "ours beats a random order and its own reverse."
    received = shape(worse=[RANDOM, "reverse", "centre"])
    expected = "ours does worse than a random order, its own reverse and distance from the centre."
    assert received == expected


def test_the_headline_tells_outcomes_apart():
    received = shape(better=["reverse"], undecided=["another pair"], worse=[RANDOM, "centre"])
    assert received == (
        "ours beats its own reverse, is not clearly better or worse than another pair's map and "
        "does worse than a random order and distance from the centre."
    )


def test_the_headline_of_a_measurement_names_every_control_once():
    text = headline(judged(measured_with()))
    assert text.startswith("ours beats ")
    assert text.endswith(".")
    assert text.count(".") == 1
    for control in CONTROLS.values():
        assert text.count(control.title) == 1


def test_the_headline_may_be_of_some_controls():
    judgement = judged(measured_with())
    assert headline(judgement, [RANDOM]) == "ours beats a random order."


def test_the_headline_may_name_rivals():
    judgement = judged(measured_with(theirs=Fixed(-BEST.values)))
    assert headline(judgement, ["theirs", RANDOM]) == "ours beats a random order and theirs."


def test_the_headline_leaves_rivals_out_unless_asked():
    assert "theirs" not in headline(judged(measured_with(theirs=Fixed(-BEST.values))))


def test_the_headline_of_nothing_says_so():
    assert headline(judged(measured_with()), []) == "ours is compared with nothing."


def test_the_headline_of_a_rival_names_no_control_of_the_subjects_map():
    judgement = judged(measured_with(theirs=Fixed(-BEST.values)), method="theirs")
    text = headline(judgement)
    assert text.startswith("theirs ")
    for name, control in CONTROLS.items():
        assert (control.title in text) == (name not in OF_SUBJECT)
    assert {one.against for one in judgement.comparisons} == {"ours", *CONTROLS} - set(OF_SUBJECT)


# Few pairs, unknown names, and noughts


def some_pairs(n: int) -> Measured:
    return made_up(reverse=np.full(n, 0.4), theirs=np.full(n, 0.2))


@pytest.mark.parametrize("n", [2, FEW - 1])
def test_few_pairs_decide_nothing_and_say_so(n):
    judgement = judged(some_pairs(n))
    for comparison in judgement.comparisons:
        assert comparison.outcome == "undecided"
        assert f"by {n} pairs, which are too few: difference in area" in comparison.words
    assert judgement.against("theirs").difference.sign == -1
    assert "beats" not in headline(judgement, ["theirs", RANDOM])


def test_as_many_pairs_as_it_takes_decide():
    comparison = judged(some_pairs(FEW)).against("theirs")
    assert comparison.outcome == "better"
    assert "too few" not in comparison.words


@pytest.mark.parametrize("name", ["ours", "tea leaves", ""])
def test_a_comparison_that_was_not_made_is_refused(name):
    judgement = judged(some_pairs(FEW))
    with pytest.raises(ParameterError, match=f"nothing called '{name}' .* are: random, .*theirs"):
        judgement.against(name)


def test_nought_has_no_minus():
    assert in_numbers(Interval(-0.0004, -0.0, -1e-9)) == "+0.000 [+0.000, +0.000]"
    assert in_numbers(Interval(-0.0006, -1.0, 0.0)) == "-0.001 [-1.000, +0.000]"
