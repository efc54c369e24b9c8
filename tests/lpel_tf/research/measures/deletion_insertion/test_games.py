"""Deletion and insertion of accuracy, with an embedder that sees a quarter of the image.

`analytic.brightness` calls a pair the same as long as more than 0.366 of the bright quarter is
there, so that every area follows by hand.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.faithfulness.deletion_curve import Interval
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.controls.derived import Reverse
from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.deletion_insertion.areas import (
    LOWER_IS_BETTER,
    area_difference,
    area_under,
    areas,
    curves,
    in_percent,
)
from lpel_tf.research.measures.deletion_insertion.games import (
    ANOTHER_PAIR,
    GAMES,
    AccuracySettings,
    measure_accuracy,
)
from support import analytic
from support.analytic import (
    QUARTER_NETWORKS,
    Counting,
    Lazy,
    ReportProgress,
    bright_pairs,
    on_quarter,
)

SAME = np.array([True, False, True, False, False, True])
BEST, WORST = {"deletion": 0.15, "insertion": 0.95}, {"deletion": 0.95, "insertion": 0.15}
"""Areas of a bright pair: its quarter of the pixels first, or last."""


def measured(methods, pairs=None, same=SAME, seed=0, networks=QUARTER_NETWORKS, **more):
    options = more.pop("settings", AccuracySettings())
    pairs = bright_pairs(same) if pairs is None else pairs
    rng = np.random.default_rng(seed)
    return measure_accuracy(networks, pairs, same, methods, options, rng, **more)


def test_the_right_map_scores_best_and_its_reverse_worst():
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter)})
    assert result.threshold == 0.5
    means = curves(result)
    # 10 % of the image are 40 % of the quarter: 0.6 of it, then 0.2 of it are left.
    np.testing.assert_array_equal(means["deletion"]["map"], [1, 1] + [0.5] * 9)
    np.testing.assert_array_equal(means["insertion"]["map"], [0.5] + [1] * 10)
    np.testing.assert_array_equal(means["deletion"]["reverse"], [1] * 10 + [0.5])
    np.testing.assert_array_equal(means["insertion"]["reverse"], [0.5] * 9 + [1] * 2)
    for game in GAMES:
        best, worst = areas(result, game, "map"), areas(result, game, "reverse")
        np.testing.assert_allclose(best[SAME], BEST[game], atol=1e-12)
        np.testing.assert_allclose(worst[SAME], WORST[game], atol=1e-12)
        # A dark quarter stays dark, whatever is taken away.
        assert (best[~SAME] == 1).all()
        assert (worst[~SAME] == 1).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 7, 20, 33]))
def test_no_map_does_better_than_the_right_one_or_worse_than_its_reverse(seed, side):
    values = np.random.default_rng(seed).integers(-2, 3, (side, side)).astype(np.float32)
    same = np.array([True, False])
    result = measured({"map": lambda pair, networks, rng: values}, same=same, seed=seed)
    for game in GAMES:
        low, high = sorted([BEST[game], WORST[game]])
        assert low - 1e-12 <= areas(result, game, "map")[0] <= high + 1e-12


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_a_reversed_order_deletes_what_the_order_inserts(seed):
    # Without ties, the lowest so many are all but the highest so many.
    values = np.random.default_rng(seed).permutation(400).reshape(20, 20).astype(np.float32)

    def method(pair, networks, rng):
        return values

    right = measured({"map": method, "reverse": Reverse(method)}, seed=seed).right
    np.testing.assert_array_equal(right[0, 0], right[1, 1, :, ::-1])
    np.testing.assert_array_equal(right[1, 0], right[0, 1, :, ::-1])


def test_only_the_order_of_a_map_counts():
    values = np.random.default_rng(3).permutation(400).reshape(20, 20).astype(np.float32) - 200
    result = measured(
        {
            "map": lambda pair, networks, rng: values,
            "stretched": lambda pair, networks, rng: values**3 / 1e3 + 5,
        }
    )
    np.testing.assert_array_equal(result.right[:, 0], result.right[:, 1])
    assert (result.right[0, 0] != result.right[1, 0]).any()


def test_ties_are_broken_at_random_and_not_by_place():
    same = np.array([True, False] * 4)
    results = [measured({"none": RandomOrder()}, same=same, seed=seed) for seed in range(8)]
    right = np.array([one.right[0, 0, same] for one in results])
    # In the image's own order, half of it holds the whole quarter: none would be right at 50 %.
    assert right[..., 5].all()
    assert not right[..., 8].any()
    assert 0 < right[..., 6].mean() < 1  # 0.4 of the quarter is left, give or take


def test_ties_between_pixels_hang_on_the_pair():
    same = np.array([True] * 6 + [False])
    pairs = [bright_pairs([True])[0]] * 6 + bright_pairs([False])
    kept: list[bytes] = []

    def watched(crops):
        kept.extend(crop.tobytes() for crop in crops)
        return analytic.brightness(crops)

    options = AccuracySettings((0, 50, 100))
    networks = AssembledNetworks(watched, analytic.no_decoder)
    measured({"none": RandomOrder()}, pairs, same, networks=networks, settings=options)
    # The same image six times: half of it deleted, half inserted, and all black.
    assert len(set(kept[: 6 * 3])) == 6 * 2 + 1


@pytest.mark.parametrize("name", FILLS)
def test_the_result_hangs_on_the_seed_and_not_on_the_batches(name):
    methods = {"none": RandomOrder(), "occlusion": Occlusion(2)}
    options = AccuracySettings(fill=Fill(name, grain=5))

    def result(seed, batch_size):
        embed = Counting()
        networks = AssembledNetworks(embed, analytic.no_decoder)
        more = {"settings": options, "another_pair_of": "none", "batch_size": batch_size}
        return measured(methods, seed=seed, networks=networks, **more), sorted(embed.images)

    first, images = result(0, 1)
    for batch_size in (3, 8, 1000):
        other, other_images = result(0, batch_size)
        np.testing.assert_array_equal(first.right, other.right)
        assert first.threshold == other.threshold
        assert images == other_images
    # With another seed, what is replaced differs: of the two methods that tie, on all levels.
    assert len({*result(1, 8)[1]} - {*images}) >= 6 * 2 * 9


def test_nothing_is_embedded_twice_and_only_the_last_batch_is_not_full():
    embed = Counting()
    methods = {
        "map": lambda pair, networks, rng: np.arange(400, dtype=np.float32).reshape(20, 20),
        "reverse": lambda pair, networks, rng: -np.arange(400, dtype=np.float32).reshape(20, 20),
        "stretched": lambda pair, networks, rng: (
            np.arange(400, dtype=np.float32).reshape(20, 20) ** 3
        ),
        "ties": RandomOrder(),
    }
    same = np.array([True] * 4 + [False] * 3)
    # Tests of one person, so that every pixel differs from black and every pair from the others.
    pairs = bright_pairs([True] * 7)
    pairs[4:] = [dataclasses.replace(one, h_r=np.float32([0, 1])) for one in pairs[4:]]
    measured(
        methods, pairs, same, networks=AssembledNetworks(embed, analytic.no_decoder), batch_size=16
    )
    # Nine deletions of the map, which are the reverse's insertions; nine the other way; the same
    # of the ties; and all black. Never the clean image, whose embedding is known.
    expected = 7 * (2 * 9 + 2 * 9 + 1)
    assert len(embed.images) == expected
    assert embed.batches == [16] * (expected // 16) + [expected % 16]
    assert len(set(embed.images)) == 7 * 4 * 9 + 1  # black is all black, whatever the pair
    assert not {pair.test.tobytes() for pair in pairs} & set(embed.images)
    assert not {pair.reference.tobytes() for pair in pairs} & set(embed.images)


def test_replacing_pixels_by_themselves_is_no_new_image():
    # Black tests: whatever is replaced by black, nothing changes, and nothing is embedded.
    embed = Counting()
    black = np.zeros((20, 20, 3), np.uint8)
    pairs = [analytic.pair_of(face, black) for face in (black, black + np.uint8(255))]
    same = np.array([True, False])
    networks = AssembledNetworks(embed, analytic.no_decoder)
    result = measured({"map": on_quarter, "ties": RandomOrder()}, pairs, same, networks=networks)
    assert result.right.all()
    assert not embed.images


def test_pairs_are_read_once_and_the_references_are_never_changed():
    pairs = bright_pairs(SAME)
    before = [(pair.reference.copy(), pair.test.copy()) for pair in pairs]
    lazy, reported = Lazy(pairs), ReportProgress()
    measured({"map": on_quarter}, lazy, another_pair_of="map", progress=reported)
    assert lazy.reads == [1] * 6
    assert (reported.opened, reported.done) == ([6], [1] * 6)
    for pair, (reference, test) in zip(pairs, before, strict=True):
        np.testing.assert_array_equal(pair.reference, reference)
        np.testing.assert_array_equal(pair.test, test)


@pytest.mark.parametrize("polarity", [True, False])
@pytest.mark.parametrize("decided", [True, False])
def test_every_map_is_asked_for_in_the_one_polarity(polarity, decided):
    asked: list[bool] = []

    def method(pair, networks, rng):
        asked.append(pair.similar)
        return on_quarter(pair, networks, rng) * (1 if pair.similar else -1)

    pairs = [dataclasses.replace(pair, similar=decided) for pair in bright_pairs(SAME)]
    options = AccuracySettings(polarity=polarity)
    result = measured({"map": method}, pairs, settings=options, another_pair_of="map")
    assert asked == [polarity] * 12
    expected = BEST if polarity else WORST
    for game in GAMES:
        for name in ("map", ANOTHER_PAIR):
            assert areas(result, game, name)[SAME] == pytest.approx(expected[game])


def test_the_map_of_another_pair_is_that_of_the_next_one():
    same = np.array([True, False, True, True, True])
    pairs = bright_pairs(same)
    right = [True, True, False, False, False]
    """Whether the method knows what it does on each pair."""
    by_test = {pair.test.tobytes(): knows for pair, knows in zip(pairs, right, strict=True)}

    def method(pair, networks, rng):
        return on_quarter(pair, networks, rng) * (1 if by_test[pair.test.tobytes()] else -1)

    result = measured({"other": RandomOrder(), "map": method}, pairs, same, another_pair_of="map")
    assert result.names == ("other", "map", ANOTHER_PAIR)
    own, another = areas(result, "deletion", "map"), areas(result, "deletion", ANOTHER_PAIR)
    np.testing.assert_allclose(own, [0.15, 1, 0.95, 0.95, 0.95])
    np.testing.assert_allclose(another, [0.15, 1, 0.95, 0.95, 0.15])


def test_a_control_draws_the_very_numbers_that_the_method_draws():
    def method(pair, networks, rng):
        return rng.permutation(400).reshape(20, 20).astype(np.float32)

    result = measured({"map": method, "again": method, "reverse": Reverse(method)})
    np.testing.assert_array_equal(result.right[:, 0], result.right[:, 1])
    np.testing.assert_array_equal(result.right[0, 0], result.right[1, 2, :, ::-1])


@pytest.mark.parametrize("side", [1, 3, 40])
def test_a_map_of_any_size_is_laid_on_the_image(side):
    # Of these, 40 pixels hold the quarter exactly, 1 says nothing, 3 hold a part of it.
    values = np.zeros((side, side), np.float32)
    values[: max(1, side // 2), : max(1, side // 2)] = 1
    area = areas(measured({"map": lambda pair, networks, rng: values}), "deletion", "map")[SAME]
    if side == 40:
        np.testing.assert_allclose(area, BEST["deletion"])
    elif side == 3:
        # The first ninth of the image is 7 x 7 of 20 x 20 pixels: 0.49 of the quarter.
        assert (area > BEST["deletion"] + 0.05).all()
        assert (area < 0.7).all()
    else:
        assert (area > 0.5).all()
        assert (area < 0.8).all()


def test_a_similarity_at_the_threshold_is_not_above_it():
    # All pairs as alike as can be, so that the threshold is 1.
    pairs, same = bright_pairs([True] * 4), np.array([True, True, True, False])
    result = measured({"map": on_quarter}, pairs, same)
    assert result.threshold == 1
    assert (result.right[0, 0] == ~same[:, np.newaxis]).all()


def test_intervals_hold_the_mean_area_and_the_paired_difference():
    same = np.array([True] * 10 + [False] * 10)
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter)}, same=same)
    rng = np.random.default_rng(0)
    interval = area_under(result, "deletion", "map", rng)
    assert interval.mean == pytest.approx((0.15 + 1) / 2)
    assert interval.low < interval.mean < interval.high
    difference = area_difference(result, "deletion", "map", "reverse", rng)
    assert difference.mean == pytest.approx(-0.4)
    assert difference.sign == -1
    assert area_difference(result, "insertion", "map", "reverse", rng).sign == 1
    assert LOWER_IS_BETTER == {"deletion": True, "insertion": False}
    none = area_difference(result, "insertion", "map", "map", rng)
    assert (none.mean, none.low, none.high) == (0, 0, 0)
    assert in_percent(Interval(0.5, 0.25, 0.75)) == Interval(50, 25, 75)
    again = area_under(result, "deletion", "map", np.random.default_rng(0))
    assert again == interval


def test_areas_of_what_was_not_measured_are_refused():
    result = measured({"map": on_quarter})
    with pytest.raises(ParameterError, match="no deletion of 'centre' was measured"):
        areas(result, "deletion", "centre")
    with pytest.raises(ParameterError, match="no curve of 'map' was measured"):
        areas(result, "curve", "map")


@pytest.mark.parametrize(
    "levels",
    [
        (),
        (0,),
        (100,),
        (0, 50),
        (50, 100),
        (0, 50, 50, 100),
        (0, 60, 50, 100),
        (-10, 0, 100),
        (0, 100, 110),
        (0, 50.0, 100),
    ],
)
def test_levels_that_do_not_ascend_from_0_to_100_are_refused(levels):
    with pytest.raises(ParameterError, match="whole percentages ascending from 0 to 100"):
        AccuracySettings(levels)


def test_levels_count_pixels_with_halves_rounded_up():
    options = AccuracySettings((0, 10, 50, 90, 100))
    assert options.counts(25).tolist() == [0, 3, 13, 23, 25]
    assert options.counts(25600).tolist() == [0, 2560, 12800, 23040, 25600]
    assert AccuracySettings().levels == (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


@pytest.mark.parametrize(
    ("same", "complaint"),
    [
        ([True, False], r"bool of shape \(2,\)"),
        ([1, 0, 1, 0, 0, 1], "received int64"),
        ([[True, False, True, False, False, True]], r"shape \(1, 6\)"),
        ([True] * 6, "received 6 and 0"),
        ([False] * 6, "received 0 and 6"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused_before_anything_is_embedded(same, complaint):
    embed = Counting()
    with pytest.raises(ParameterError, match=complaint):
        measured(
            {"map": on_quarter},
            bright_pairs(SAME),
            np.array(same),
            networks=AssembledNetworks(embed, analytic.no_decoder),
        )
    assert not embed.images


def test_no_pairs_are_refused():
    with pytest.raises(ParameterError, match="received 0 and 0"):
        measured({"map": on_quarter}, [], np.zeros(0, np.bool_))


def test_methods_that_are_absent_or_named_as_the_control_are_refused():
    with pytest.raises(ParameterError, match="no method ''"):
        measured({})
    with pytest.raises(ParameterError, match="no method 'lpel' to measure; given are: map"):
        measured({"map": on_quarter}, another_pair_of="lpel")
    with pytest.raises(ParameterError, match="names the control"):
        measured({ANOTHER_PAIR: on_quarter})
    with pytest.raises(ParameterError, match="at least 1 image; received 0"):
        measured({"map": on_quarter}, batch_size=0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_refused_with_the_methods_name(value):
    def broken(pair, networks, rng):
        return np.array([[0, value]], np.float32)

    with pytest.raises(EmbeddingError, match="the method broken holds NaN"):
        measured({"map": on_quarter, "broken": broken})


@pytest.mark.parametrize("shape", [(4,), (2, 2, 3), (0, 0)])
def test_a_map_of_another_shape_is_refused(shape):
    with pytest.raises(EmbeddingError, match=r"shape \(H, W\) from the method map"):
        measured({"map": lambda pair, networks, rng: np.zeros(shape, np.float32)})


def test_embeddings_that_are_not_finite_are_refused():
    def broken(crops):
        return np.full((len(crops), 2), np.nan, np.float32)

    with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
        measured({"map": on_quarter}, networks=AssembledNetworks(broken, analytic.no_decoder))
    pairs = bright_pairs(SAME)
    for field in ("h_r", "h_t"):
        pairs[2] = dataclasses.replace(bright_pairs(SAME)[2], **{field: np.float32([np.nan, 0])})
        with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
            measured({"map": on_quarter}, pairs)


def test_a_method_that_refuses_a_polarity_is_not_passed_over():
    def refuses(pair, networks, rng):
        if not pair.similar:
            raise ParameterError("similar pairs only")
        return on_quarter(pair, networks, rng)

    assert measured({"map": refuses}).right.any()
    with pytest.raises(ParameterError, match="similar pairs only"):
        measured({"map": refuses}, settings=AccuracySettings(polarity=False))
