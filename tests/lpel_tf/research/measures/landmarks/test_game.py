"""Swapped landmarks, with an embedder that sees a quarter of the image.

The landmark is that quarter, bright in the probe and dark in the twin, which flips back as soon as
more than half of it is the probe's again.
"""

import dataclasses

import numpy as np
import pytest

from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.controls.derived import Reverse
from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.landmarks.boxes import LANDMARKS, Box, opacity, with_landmark
from lpel_tf.research.measures.landmarks.game import SwapSettings, Triplet, measure_swaps
from lpel_tf.research.measures.landmarks.scores import (
    HIT,
    IOU,
    flip_curve,
    mean_scores,
    score_differences,
    scores,
)
from support import analytic
from support.analytic import QUARTER_NETWORKS, Counting, Lazy, ReportProgress, on_quarter

QUARTER = Box(0, 0, 0.5, 0.5)
OPTIONS = SwapSettings({"quarter": QUARTER, "corner": Box(0.8, 0.8, 1, 1)}, feather=0)


def triplet(seed, region="quarter", donor=False):
    rng = np.random.default_rng(seed)
    faces = [analytic.face(True, rng), analytic.face(True, rng), analytic.face(donor, rng)]
    return Triplet(*faces, *analytic.brightness(np.stack(faces[:2])), region)


TRIPLETS = [triplet(seed) for seed in range(4)]
CHANCE = RandomOrder(20)


def measured(methods, triplets=TRIPLETS, seed=0, **more):
    options = more.pop("settings", OPTIONS)
    networks = more.pop("networks", QUARTER_NETWORKS)
    return measure_swaps(networks, triplets, methods, options, np.random.default_rng(seed), **more)


def test_the_right_map_scores_best_its_reverse_worst_and_chance_between():
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter), "chance": CHANCE})
    assert result.dropped == 0
    assert result.regions == ("quarter",) * 4
    np.testing.assert_array_equal(result.likeness, 0)
    np.testing.assert_array_equal(result.share, 0.25)
    best, worst, chance = (scores(result, name) for name in result.names)
    assert list(best) == ["flipped at 1 %", "flipped at 5 %", IOU, HIT]
    for score in best:
        assert (best[score] == 1).all()
        assert (worst[score] == 0).all()
    # A quarter of a random quarter is right: 1/16 of 7/16.
    np.testing.assert_allclose(chance[IOU], 1 / 7, atol=0.06)
    assert not chance["flipped at 5 %"].any()


def test_the_curve_goes_by_mass():
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter), "chance": CHANCE})
    masses = np.array(OPTIONS.masses)
    alarms, flips = flip_curve(result, "map")
    # Each of 100 pixels holds 1 %; at 100 % all pixels are given back, as in the paper's code.
    np.testing.assert_array_equal(alarms, masses == 100)
    np.testing.assert_array_equal(flips, masses > 50)
    alarms, flips = flip_curve(result, "reverse")
    np.testing.assert_allclose(alarms, masses / 100)
    np.testing.assert_array_equal(flips, masses == 100)
    alarms, flips = flip_curve(result, "chance")
    assert (np.diff(alarms) > 0).all()
    # Half of the pixels hold 3/4 of the mass of uniform numbers, give or take.
    assert not flips[masses <= 60].any()
    assert flips[masses >= 90].all()


def test_methods_are_asked_why_the_twin_does_not_match_the_reference():
    asked = []

    def method(pair, networks, rng):
        asked.append(pair)
        return on_quarter(pair, networks, rng)

    measured({"map": method})
    for pair, one in zip(asked, TRIPLETS, strict=True):
        assert not pair.similar
        np.testing.assert_array_equal(pair.reference, one.reference)
        np.testing.assert_array_equal(pair.h_r, one.h_reference)
        np.testing.assert_array_equal(pair.test[:10, :10], one.donor[:10, :10])
        np.testing.assert_array_equal(pair.test[10:], one.probe[10:])
        np.testing.assert_array_equal(pair.test[:, 10:], one.probe[:, 10:])
        np.testing.assert_array_equal(pair.h_t, [0, 1])


def test_swaps_that_hardly_move_the_embedding_are_counted_and_dropped():
    asked = []

    def method(pair, networks, rng):
        asked.append(pair)
        return on_quarter(pair, networks, rng)

    reported = ReportProgress()
    # The embedder does not see the corner; a bright donor's quarter changes nothing at all.
    mixed = [triplet(0, "corner"), triplet(1), triplet(2, donor=True), triplet(3)]
    result = measured({"map": method}, mixed, progress=reported)
    assert result.kept.tolist() == [False, True, False, True]
    assert result.dropped == 2
    np.testing.assert_allclose(result.likeness, [1, 0, 1, 0])
    assert result.regions == ("quarter", "quarter")
    assert len(asked) == 2
    assert result.flipped.shape == (1, 2, 21)
    assert result.iou.shape == (1, 2)
    assert (reported.opened, reported.done) == ([4], [1] * 4)
    with pytest.raises(ParameterError, match=r"none of 1 swaps .* below 0.9 \(lowest: 1.000\)"):
        measured({"map": method}, mixed[:1])


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.full((2, 2), -3.5), np.ones((1, 1))])
def test_a_constant_map_says_nothing(values):
    result = measured({"none": lambda pair, networks, rng: values.astype(np.float32)})
    alarms, _ = flip_curve(result, "none")
    np.testing.assert_allclose(alarms, np.array(OPTIONS.masses) / 100, atol=0.06)
    assert not result.flipped_at.any()


def test_the_rates_count_pixels_outside_the_mask_exactly():
    # Above the quarter, 15 or 16 of 300 pixels outside it.
    def raised(extra):
        values = np.zeros((20, 20), np.float32)
        values[:10, :10] = 1
        values[19, :extra] = 2
        return lambda pair, networks, rng: values

    result = measured({"15": raised(15), "16": raised(16)})
    assert result.flipped_at[0].tolist() == [[False, True]] * 4
    assert result.flipped_at[1].tolist() == [[False, False]] * 4
    np.testing.assert_allclose(result.iou[:, 0], [85 / 115, 84 / 116])
    assert not result.hit.any()


def test_a_twin_is_not_flipped_at_equal_distance():
    # Exactly half of the quarter given back.
    options = dataclasses.replace(OPTIONS, masses=(50, 51))
    result = measured({"map": on_quarter}, settings=options)
    np.testing.assert_array_equal(result.flipped[0], [[False, True]] * 4)


@pytest.mark.parametrize("batch_size", [2, 3, 7, 1000])
def test_the_result_hangs_on_the_seed_and_not_on_the_batches(batch_size):
    mixed = [triplet(0, "corner"), *TRIPLETS, triplet(9, "corner")]

    def result(seed, size):
        embed = Counting()
        networks = AssembledNetworks(embed, analytic.no_decoder)
        methods = {"map": on_quarter, "chance": CHANCE}
        got = measured(methods, mixed, seed=seed, networks=networks, batch_size=size)
        return got, sorted(embed.images)

    (first, images), (other, others) = result(0, 1), result(0, batch_size)
    for name in ("likeness", "kept", "flipped", "false_alarms", "flipped_at", "iou", "hit"):
        np.testing.assert_array_equal(getattr(first, name), getattr(other, name))
    assert images == others
    assert images != result(1, 1)[1]


def test_triplets_are_read_once_and_no_image_is_embedded_twice():
    embed, lazy = Counting(), Lazy(TRIPLETS)
    networks = AssembledNetworks(embed, analytic.no_decoder)
    measured({"a": on_quarter, "b": on_quarter}, lazy, networks=networks)
    assert lazy.reads == [1] * 4
    # The twin, and 19 masses between none and all of the quarter.
    assert len(embed.images) == len(set(embed.images)) == 4 * 20
    assert not {one.probe.tobytes() for one in TRIPLETS} & set(embed.images)


def test_scores_have_intervals_and_paired_differences():
    result = measured({"map": on_quarter, "chance": CHANCE})
    rng = np.random.default_rng(0)
    assert {one.mean for one in mean_scores(result, "map", rng).values()} == {1}
    differences = score_differences(result, "map", "chance", rng)
    assert differences["flipped at 5 %"].sign == differences[IOU].sign == 1
    with pytest.raises(ParameterError, match="no 'lpel' was measured; there are: map, chance"):
        scores(result, "lpel")


def test_edges_are_feathered_but_not_the_crops_own():
    share = opacity(Box(0, 0.25, 0.5, 0.75), 40, 0.1)
    np.testing.assert_allclose(share[0, 8:20], [0, 0, 0.125, 0.375, 0.625, 0.875] + [1] * 6)
    np.testing.assert_allclose(share[:, 20], [1] * 16 + [0.875, 0.625, 0.375, 0.125] + [0] * 20)
    np.testing.assert_allclose(share, share[:, ::-1], atol=1e-12)
    sharp = opacity(Box(0, 0.25, 0.5, 0.75), 40, 0)
    assert sharp.sum() == 20 * 20
    assert sharp[:20, 10:30].all()


def test_the_landmarks_lie_where_faces_have_them():
    assert list(LANDMARKS) == ["forehead", "brows", "eyes", "nose", "mouth", "chin"]
    middles = [(box.top + box.bottom) / 2 for box in LANDMARKS.values()]
    assert middles == sorted(middles)
    for box in LANDMARKS.values():
        assert box.left + box.right == pytest.approx(1)
        twin = with_landmark(
            np.zeros((160, 160, 3), np.uint8), np.full((160, 160, 3), 255, np.uint8), box, 0.03
        )
        assert 0.05 < (twin > 0).any(-1).mean() < 0.2
    assert SwapSettings().regions is LANDMARKS


@pytest.mark.parametrize(
    "edges",
    [(0.5, 0, 0.5, 1), (0, 0.6, 1, 0.4), (-0.1, 0, 1, 0.5), (0, 0, 1.1, 1), (0, 0, 1, 1)],
)
def test_boxes_that_are_none_are_refused(edges):
    with pytest.raises(ParameterError, match="a box has 0 <= top < bottom <= 1"):
        Box(*edges)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"masses": (0, 50.0)}, "masses are whole percentages"),
        ({"masses": ()}, "masses are whole percentages"),
        ({"rates": (5, 1)}, "rates are whole percentages"),
        ({"rates": (-1,)}, "rates are whole percentages"),
        ({"regions": {}}, "at least one landmark"),
        ({"feather": -0.1}, r"a share in \[0, 0.5\]; received -0.1"),
        ({"feather": 0.6}, "received 0.6"),
        ({"alike": 1.0}, r"\(-1, 0.999\]; received 1.0"),
        ({"alike": -1.0}, "received -1.0"),
        ({"alike": float("nan")}, "received nan"),
    ],
)
def test_settings_out_of_range_are_refused(options, complaint):
    with pytest.raises(ParameterError, match=complaint):
        SwapSettings(**options)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ParameterError, match="at least 1 triplet, 1 method"):
        measured({"map": on_quarter}, [])
    with pytest.raises(ParameterError, match="received 4, 0 and"):
        measured({})
    with pytest.raises(ParameterError, match="received 4, 1 and 0"):
        measured({"map": on_quarter}, batch_size=0)
    with pytest.raises(ParameterError, match="no landmark is called 'ear'; there are: quarter"):
        measured({"map": on_quarter}, [triplet(0, "ear")])
    small = dataclasses.replace(TRIPLETS[0], donor=np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ParameterError, match="square crops, uint8, of one shape"):
        measured({"map": on_quarter}, [small])
    nearly = SwapSettings({"quarter": Box(0, 0, 1, 0.999)}, feather=0)
    rng = np.random.default_rng(0)
    everywhere = dataclasses.replace(
        TRIPLETS[0],
        probe=rng.integers(128, 256, (20, 20, 3)).astype(np.uint8),
        donor=rng.integers(0, 128, (20, 20, 3)).astype(np.uint8),
    )
    with pytest.raises(ParameterError, match="a part changed; 400 of 400 pixels did"):
        measured({"map": on_quarter}, [everywhere], settings=nearly)


def test_what_is_not_finite_is_refused():
    for name in ("h_reference", "h_probe"):
        broken = dataclasses.replace(TRIPLETS[0], **{name: np.float32([np.nan, 0])})
        with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
            measured({"map": on_quarter}, [broken])
    for calls in (0, 4):
        embed = Counting()

        def ask(crops, embed=embed, calls=calls):
            h = embed(crops)
            return h if len(embed.images) <= calls else np.full_like(h, np.nan)

        networks = AssembledNetworks(ask, analytic.no_decoder)
        with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
            measured({"map": on_quarter}, networks=networks, batch_size=4)
    with pytest.raises(EmbeddingError, match="the method map holds NaN"):
        measured({"map": lambda pair, networks, rng: np.full((2, 2), np.nan, np.float32)})
