"""Patches given back, with an embedder that sees a quarter of the image.

One patch as large as the image makes every patched test the donor, so that `analytic.brightness`
calls it a match as long as more than 0.366 of the quarter is bright, and every rate follows by
hand.
"""

import dataclasses

import numpy as np
import pytest

from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.controls.derived import Reverse
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.patches.areas import (
    PAIR_KINDS,
    area_difference,
    area_under,
    areas,
    error_rates,
)
from lpel_tf.research.measures.patches.game import PatchSettings, measure_patches, paste
from support import analytic
from support.analytic import (
    QUARTER_NETWORKS,
    Counting,
    Lazy,
    ReportProgress,
    bright_pairs,
    on_quarter,
)

WHOLE = PatchSettings(patches=1, share=1.0)
GENUINE, IMPOSTOR = bright_pairs([True] * 5), bright_pairs([False] * 4, seed=1)
DONORS = [analytic.face(False, np.random.default_rng(9 + i)) for i in range(5)]
BEST = {"genuine": 1 / 19, "impostor": 3 / 19}
"""5 % of the image are 20 % of the quarter: wrong below 0.366 bright, or above."""
WORST = {"genuine": 16 / 19, "impostor": 18 / 19}


def measured(methods, genuine=GENUINE, impostor=IMPOSTOR, donors=DONORS, seed=0, **more):
    options = more.pop("settings", WHOLE)
    networks = more.pop("networks", QUARTER_NETWORKS)
    rng = np.random.default_rng(seed)
    return measure_patches(networks, genuine, impostor, donors, methods, options, rng, **more)


def test_the_right_map_errs_least_its_reverse_most_and_chance_between():
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter)})
    assert result.threshold == 0.5
    assert result.names == ("map", "reverse", RANDOM)
    assert result.same.tolist() == [True] * 5 + [False] * 4
    assert not result.clean.any()
    assert result.patched.all()
    for kind in PAIR_KINDS:
        np.testing.assert_allclose(areas(result, kind, "map"), BEST[kind])
        np.testing.assert_allclose(areas(result, kind, "reverse"), WORST[kind])
        chance = areas(result, kind, RANDOM)
        assert (BEST[kind] + 0.1 < chance).all()
        assert (chance < WORST[kind] - 0.1).all()
    rates = error_rates(result, "genuine")
    np.testing.assert_array_equal(rates["map"], [1] + [0] * 18)
    np.testing.assert_array_equal(rates["reverse"], [1] * 16 + [0] * 3)
    rates = error_rates(result, "impostor")
    np.testing.assert_array_equal(rates["map"], [1] * 3 + [0] * 16)
    np.testing.assert_array_equal(rates["reverse"], [1] * 18 + [0])


def test_methods_are_asked_once_about_the_patched_pair_and_the_decision_on_it():
    asked = []

    def method(pair, networks, rng):
        asked.append(pair)
        return on_quarter(pair, networks, rng)

    # The decisions that the clean pairs hold are wrong, and are not used.
    clean = [dataclasses.replace(pair, similar=False) for pair in GENUINE]
    measured({"map": method}, genuine=clean)
    assert [pair.similar for pair in asked] == [False] * 5 + [True] * 4
    lenders = [*DONORS, *(pair.reference for pair in IMPOSTOR)]
    for pair, before, donor in zip(asked, GENUINE + IMPOSTOR, lenders, strict=True):
        np.testing.assert_array_equal(pair.test, donor)
        np.testing.assert_array_equal(pair.reference, before.reference)
        np.testing.assert_array_equal(pair.h_r, before.h_r)
        np.testing.assert_array_equal(pair.h_t, analytic.brightness(donor[np.newaxis])[0])


def test_a_patch_that_does_not_change_the_decision_is_explained_all_the_same():
    asked = []

    def method(pair, networks, rng):
        asked.append(pair.similar)
        return on_quarter(pair, networks, rng)

    bright = [analytic.face(True, np.random.default_rng(i)) for i in range(5)]
    result = measured({"map": method}, donors=bright)
    assert asked == [True] * 9
    assert not result.patched[:5].any()
    assert not result.wrong[:, :5].any()


def test_all_methods_and_seeds_share_what_they_should():
    def drawing(pair, networks, rng):
        return rng.permutation(400).reshape(20, 20).astype(np.float32)

    options = PatchSettings(patches=5)
    first = measured({"a": drawing, "b": drawing}, settings=options)
    np.testing.assert_array_equal(first.wrong[0], first.wrong[1])
    again = measured({"other": on_quarter, "b": drawing}, settings=options)
    np.testing.assert_array_equal(first.wrong[1:], again.wrong[1:])


@pytest.mark.parametrize("batch_size", [2, 3, 7, 1000])
def test_the_result_hangs_on_the_seed_and_not_on_the_batches(batch_size):
    def drawing(pair, networks, rng):
        return rng.random((20, 20), np.float32)

    def result(seed, size):
        embed = Counting()
        networks = AssembledNetworks(embed, analytic.no_decoder)
        options = PatchSettings(patches=9, share=0.3)
        more = {"settings": options, "networks": networks, "batch_size": size}
        return measured({"none": drawing}, seed=seed, **more), sorted(embed.images)

    (first, images), (other, others) = result(0, 1), result(0, batch_size)
    np.testing.assert_array_equal(first.wrong, other.wrong)
    np.testing.assert_array_equal(first.patched, other.patched)
    assert images == others
    assert images != result(1, 1)[1]


def test_no_image_is_embedded_twice_and_clean_ones_never():
    embed = Counting()
    networks = AssembledNetworks(embed, analytic.no_decoder)
    options = PatchSettings((0, 50, 100), patches=1, share=1.0)
    same_map = {"map": on_quarter, "again": on_quarter}
    measured(same_map, settings=options, networks=networks, batch_size=4)
    # Of each pair the patched image, half of it given back by the map, and half of it by chance.
    assert len(embed.images) == len(set(embed.images)) == 9 * 3
    assert not {pair.test.tobytes() for pair in GENUINE + IMPOSTOR} & set(embed.images)


def test_pairs_are_read_twice_never_changed_and_progress_is_told():
    genuine, impostor, reported = Lazy(GENUINE), Lazy(IMPOSTOR), ReportProgress()
    before = [pair.test.copy() for pair in GENUINE + IMPOSTOR]
    measured({"map": on_quarter}, genuine=genuine, impostor=impostor, progress=reported)
    assert genuine.reads == [2] * 5
    assert impostor.reads == [2] * 4
    assert (reported.opened, reported.done) == ([9], [1] * 9)
    for pair, test in zip(GENUINE + IMPOSTOR, before, strict=True):
        np.testing.assert_array_equal(pair.test, test)


def test_intervals_are_of_the_areas_and_of_their_paired_differences():
    result = measured({"map": on_quarter, "reverse": Reverse(on_quarter)})
    rng = np.random.default_rng(0)
    assert area_under(result, "genuine", "map", rng).mean == pytest.approx(1 / 19)
    difference = area_difference(result, "impostor", "map", "reverse", rng)
    assert (difference.mean, difference.sign) == (pytest.approx(-15 / 19), -1)
    with pytest.raises(ParameterError, match="nothing was measured of genuine pairs and 'lpel'"):
        areas(result, "genuine", "lpel")
    with pytest.raises(ParameterError, match="there are genuine, impostor pairs"):
        areas(result, "other", "map")


def test_the_patches_of_the_paper_are_scaled_and_cover_two_fifths():
    options = PatchSettings()
    assert (options.side(112), options.side(160), options.side(20), options.side(3)) == (
        16,
        23,
        3,
        1,
    )
    assert options.levels == tuple(range(5, 100, 5))
    assert options.counts(25).tolist()[:3] == [1, 3, 4]
    image, donor = np.zeros((112, 112, 3), np.uint8), np.full((112, 112, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    covered = [paste(image, donor, options, rng).mean() / 255 for _ in range(50)]
    assert np.mean(covered) == pytest.approx(0.41, abs=0.01)
    assert not image.any()


def test_patches_reach_every_edge_with_the_same_chance_as_the_middle_has():
    options = PatchSettings(patches=1, share=0.5)
    image, donor = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 1, np.uint8)
    rng = np.random.default_rng(0)
    seen = sum(paste(image, donor, options, rng)[..., 0].astype(int) for _ in range(900))
    np.testing.assert_allclose(seen[0], np.array([1, 2, 2, 1]) * 100, atol=40)
    np.testing.assert_allclose(seen[1], np.array([2, 4, 4, 2]) * 100, atol=60)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"levels": ()}, "levels are whole percentages"),
        ({"levels": (5, 5)}, "levels are whole percentages"),
        ({"levels": (50, 5)}, "levels are whole percentages"),
        ({"levels": (-5, 5)}, "levels are whole percentages"),
        ({"levels": (5, 105)}, "levels are whole percentages"),
        ({"levels": (5, 50.0)}, "levels are whole percentages"),
        ({"patches": 0}, "at least 1 patch is pasted; received 0"),
        ({"share": 0.0}, r"a share of the image's in \(0, 1\]; received 0.0"),
        ({"share": 1.1}, "received 1.1"),
        ({"share": float("nan")}, "received nan"),
    ],
)
def test_settings_out_of_range_are_refused(options, complaint):
    with pytest.raises(ParameterError, match=complaint):
        PatchSettings(**options)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"genuine": [], "donors": []}, "received 0 and 4"),
        ({"impostor": []}, "received 5 and 0"),
        ({"donors": DONORS[:3]}, "each of 5 genuine pairs; received 3"),
        ({"methods": {}}, "at least one method"),
        ({"methods": {RANDOM: on_quarter}}, "names the control"),
        ({"batch_size": 0}, "at least 1 image; received 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_embedded(more, complaint):
    embed = Counting()
    networks = AssembledNetworks(embed, analytic.no_decoder)
    with pytest.raises(ParameterError, match=complaint):
        measured(more.pop("methods", {"map": on_quarter}), networks=networks, **more)
    assert not embed.images


@pytest.mark.parametrize("shape", [(10, 10, 3), (20, 10, 3), (20, 20)])
def test_donors_of_another_shape_are_refused(shape):
    with pytest.raises(ParameterError, match="square crops, uint8, of one shape"):
        measured({"map": on_quarter}, donors=[np.zeros(shape, np.uint8)] * 5)
    with pytest.raises(ParameterError, match="square crops"):
        measured({"map": on_quarter}, donors=[np.zeros((20, 20, 3), np.float32)] * 5)


def test_what_is_not_finite_is_refused():
    for field in ("h_r", "h_t"):
        broken = [dataclasses.replace(GENUINE[0], **{field: np.float32([np.nan, 0])})]
        with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
            measured({"map": on_quarter}, genuine=broken, donors=DONORS[:1])

    def after(calls):
        """An embedder that breaks after so many images."""
        embed = Counting()

        def ask(crops):
            h = embed(crops)
            return h if len(embed.images) <= calls else np.full_like(h, np.nan)

        return AssembledNetworks(ask, analytic.no_decoder)

    for calls in (0, 9):
        with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
            measured({"map": on_quarter}, networks=after(calls), batch_size=9)
    with pytest.raises(EmbeddingError, match="the method map holds NaN"):
        measured({"map": lambda pair, networks, rng: np.full((2, 2), np.nan, np.float32)})
