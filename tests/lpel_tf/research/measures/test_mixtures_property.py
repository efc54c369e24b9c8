"""What holds of patches and of swapped landmarks for any map and any faces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_tf.research.measures.landmarks.boxes import Box, opacity, with_landmark
from lpel_tf.research.measures.landmarks.game import SwapSettings, Triplet, measure_swaps
from lpel_tf.research.measures.mixtures import mixtures
from lpel_tf.research.measures.patches.areas import PAIR_KINDS, areas
from lpel_tf.research.measures.patches.game import PatchSettings, measure_patches, paste
from support import analytic
from support.analytic import QUARTER_NETWORKS, bright_pairs
from support.strategies import few

pytestmark = pytest.mark.property

very_few = settings(max_examples=15, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 12)
edges = st.tuples(*[st.integers(0, 20)] * 4).filter(
    lambda e: e[0] < e[2] and e[1] < e[3] and (e[2] - e[0]) * (e[3] - e[1]) < 400
)
boxes = edges.map(lambda e: Box(*(edge / 20 for edge in e)))


def image_of(seed, side):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@few
@given(seeds, sides, st.integers(1, 30), st.floats(0.01, 1))
def test_a_patched_pixel_is_the_faces_or_the_donors(seed, side, patches, share):
    image, donor = image_of(seed, side), image_of(seed + 1, side)
    options = PatchSettings(patches=patches, share=share)
    patched = paste(image, donor, options, np.random.default_rng(seed))
    lent = (patched == donor).all(-1)
    assert (lent | (patched == image).all(-1)).all()
    assert lent.sum() >= options.side(side) ** 2


@few
@given(seeds, sides, boxes, st.floats(0, 0.5))
def test_a_landmark_changes_its_box_alone(seed, side, box, feather):
    share = opacity(box, side, feather)
    assert (share >= 0).all()
    assert (share <= 1).all()
    centres = (np.arange(side) + 0.5) / side
    rows = (centres >= box.top - 1e-9) & (centres <= box.bottom + 1e-9)
    columns = (centres >= box.left - 1e-9) & (centres <= box.right + 1e-9)
    assert not share[~np.outer(rows, columns)].any()
    face, donor = image_of(seed, side), image_of(seed + 1, side)
    twin = with_landmark(face, donor, box, feather)
    np.testing.assert_array_equal(twin[share == 0], face[share == 0])
    np.testing.assert_array_equal(twin[share == 1], donor[share == 1])
    assert (twin >= np.minimum(face, donor)).all()
    assert (twin <= np.maximum(face, donor)).all()
    np.testing.assert_array_equal(with_landmark(face, face, box, feather), face)


@few
@given(seeds, sides, st.integers(1, 8), st.booleans())
def test_what_is_given_back_is_what_was_wished_for(seed, side, wishes, known):
    rng = np.random.default_rng(seed)
    changed, original = (rng.integers(0, 2, (side, side, 3), dtype=np.uint8) for _ in range(2))
    wanted = rng.random((wishes, side * side)) < rng.random((wishes, 1)).round(1)
    plan = mixtures(changed, original, wanted, other_known=known)
    first = [changed, original][: 1 + known]
    made = [*first, *plan.images()]
    new = {image.tobytes() for image in made[len(first) :]}
    assert len(new - {one.tobytes() for one in first}) == len(plan.sets)
    for at, one in zip(plan.place, wanted, strict=True):
        mask = one.reshape(side, side, 1)
        np.testing.assert_array_equal(made[at], np.where(mask, original, changed))


@very_few
@given(seeds, st.sampled_from([1, 2, 3, 7, 20, 33]))
def test_no_map_finds_patches_better_than_the_right_one_or_worse_than_its_reverse(seed, side):
    values = np.random.default_rng(seed).integers(-2, 3, (side, side)).astype(np.float32)
    donor = analytic.face(False, np.random.default_rng(seed))
    result = measure_patches(
        QUARTER_NETWORKS,
        bright_pairs([True]),
        bright_pairs([False]),
        [donor],
        {"map": lambda pair, networks, rng: values},
        PatchSettings(patches=1, share=1.0),
        np.random.default_rng(seed),
    )
    for kind, best, worst in zip(PAIR_KINDS, (1 / 19, 3 / 19), (16 / 19, 18 / 19), strict=True):
        assert best - 1e-12 <= areas(result, kind, "map")[0] <= worst + 1e-12


def played(maps, seed):
    rng = np.random.default_rng(seed)
    faces = [analytic.face(bright, rng) for bright in (True, True, False)]
    one = Triplet(*faces, *analytic.brightness(np.stack(faces[:2])), "quarter")
    options = SwapSettings({"quarter": Box(0, 0, 0.5, 0.5)}, feather=0)
    methods = {
        name: lambda pair, networks, rng, values=values: values for name, values in maps.items()
    }
    return measure_swaps(QUARTER_NETWORKS, [one], methods, options, rng)


@very_few
@given(seeds, st.sampled_from([1, 2, 3, 7, 20, 33]))
def test_every_game_goes_from_the_twin_to_the_probe(seed, side):
    values = np.random.default_rng(seed).integers(-2, 3, (side, side)).astype(np.float32)
    result = played({"map": values}, seed)
    flipped, alarms = result.flipped[0, 0], result.false_alarms[0, 0]
    # The more is given back, the nearer is the probe: of this embedder.
    assert not flipped[0]
    assert flipped[-1]
    assert (np.diff(flipped.astype(int)) >= 0).all()
    assert (np.diff(alarms) >= 0).all()
    assert (alarms[0], alarms[-1]) == (0, 1)
    assert 0 <= result.iou[0, 0] <= 1


@very_few
@given(seeds)
def test_only_the_order_of_a_map_counts_where_no_mass_is_asked_for(seed):
    values = np.random.default_rng(seed).permutation(400).reshape(20, 20).astype(np.float32)
    result = played(
        {"map": values, "stretched": values**3 / 1e3 - 5e4, "moved": values - 300}, seed
    )
    for scores in (result.iou, result.hit, result.flipped_at):
        for m in (1, 2):
            np.testing.assert_array_equal(scores[m], scores[0])
    # A constant added changes no mass either.
    np.testing.assert_array_equal(result.flipped[2], result.flipped[0])
    assert result.false_alarms[2] == pytest.approx(result.false_alarms[0])
