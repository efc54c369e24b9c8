"""Planted occluders: where they are drawn, and what maps with known scores score."""

import numpy as np
import pytest

from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.methods.method import FacePair
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.occluders.drawing import OCCLUDERS, occlude
from lpel_tf.research.measures.occluders.game import measure_occluders, rises
from lpel_tf.research.measures.occluders.scores import (
    covered_rank,
    covered_share,
    why_different,
)
from support.networks import Fixed, Linear, face_pair

SIZE = 32
NETWORKS = Linear(size=SIZE)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def pairs() -> list[FacePair]:
    tests = rng().integers(60, 200, (2, SIZE, SIZE, 3), np.uint8)
    found = []
    for test in tests:
        near = np.clip(test.astype(int) + rng(1).integers(-9, 10, test.shape), 0, 255)
        found.append(face_pair(NETWORKS, near.astype(np.uint8), test, True))
    return found


class Following:
    """Marks, with a sign, what differs from the photographs without an occluder."""

    def __init__(self, pairs, sign: int) -> None:
        self.clean = {pair.h_r.tobytes(): pair.test for pair in pairs}
        self.sign = sign

    def __call__(self, pair, networks, rng):
        differs = (pair.test != self.clean[pair.h_r.tobytes()]).any(axis=-1)
        speaks = -1 if pair.similar else 1
        return (self.sign * speaks * differs).astype(np.float32)


def measured(pairs, methods, **changes):
    return measure_occluders(NETWORKS, pairs, methods, 0.5, rng(), least=-2.0, **changes)


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_an_occluder_changes_what_it_covers_and_little_else(kind):
    face = np.full((SIZE, SIZE, 3), (180, 120, 90), np.uint8)
    one = occlude(face, kind, rng())
    assert one.image.shape == face.shape
    assert one.image.dtype == np.uint8
    changed = (one.image != face).any(axis=-1)
    assert 0.05 < one.covered.mean() < 0.5
    assert changed[one.covered].mean() > 0.95
    assert (changed & ~one.covered).mean() < 0.15


@pytest.mark.parametrize(
    ("kind", "place", "elsewhere"),
    [
        ("glasses", (0.39, 0.32), (0.75, 0.5)),
        ("hand", (0.75, 0.5), (0.3, 0.5)),
        ("mask", (0.75, 0.5), (0.3, 0.5)),
        ("scarf", (0.9, 0.5), (0.5, 0.5)),
    ],
)
def test_it_lies_where_it_is_worn(kind, place, elsewhere):
    face = np.full((160, 160, 3), 128, np.uint8)
    for seed in range(8):
        covered = occlude(face, kind, rng(seed)).covered
        assert covered[tuple(round(160 * one) for one in place)]
        assert not covered[tuple(round(160 * one) for one in elsewhere)]


def test_it_comes_in_several_variants_the_same_for_one_seed():
    face = np.full((SIZE, SIZE, 3), 128, np.uint8)
    for kind in OCCLUDERS:
        images = {occlude(face, kind, rng(seed)).image.tobytes() for seed in range(6)}
        assert len(images) > 3
        assert occlude(face, kind, rng(1)).image.tobytes() in images


def test_a_hand_has_the_colour_of_the_face():
    dark, light = (np.full((64, 64, 3), colour, np.uint8) for colour in ((90, 60, 50), (220,) * 3))
    means = [
        one.image[one.covered].mean() for one in (occlude(f, "hand", rng()) for f in (dark, light))
    ]
    assert means[0] < 90
    assert means[1] > 130


def test_the_best_map_is_all_in_the_occluder_the_worst_all_outside():
    covered = np.zeros((4, 4), np.bool_)
    covered[0] = True
    inside, outside = covered.astype(float), (~covered).astype(float)
    assert covered_share(inside, covered) == covered_rank(inside, covered) == 1
    assert covered_share(outside, covered) == covered_rank(outside, covered) == 0


@pytest.mark.parametrize("constant", [0.0, 1.0, -1.0])
def test_a_constant_map_has_the_occluders_share_of_the_image(constant):
    covered = np.zeros((4, 4), np.bool_)
    covered[0] = True
    values = np.full((4, 4), constant)
    assert covered_share(values, covered) == 0.25
    assert covered_rank(values, covered) == 0.5


def test_what_speaks_against_a_likeness_speaks_for_a_difference():
    values = np.array([[1, -2], [3, -4]], np.float32)
    assert why_different(values, 4, similar=False)[3, 3] == -4
    assert why_different(values, 4, similar=True)[3, 3] == 4


def test_a_map_that_moves_there_rises_to_nearly_1(pairs):
    found = rises(measured(pairs, {"following": Following(pairs, 1)}))
    # Before, nothing differs: the map has no place. Afterwards it lies in the occluder and its rim.
    assert min(found["share"]["following"]) > 0.6
    assert min(found["rise of the share"]["following"]) > 0.4
    assert min(found["rise of the rank"]["following"]) > 0.4


def test_a_map_that_leaves_falls(pairs):
    found = rises(measured(pairs, {"leaving": Following(pairs, -1)}))
    assert max(found["rise of the rank"]["leaving"]) < -0.4


def test_what_does_not_depend_on_the_pair_does_not_rise(pairs):
    fixed = Fixed(rng(5).normal(size=(8, 8)))
    found = rises(measured(pairs, {"mean map": fixed, "random": RandomOrder()}))
    for title in ("rise of the share", "rise of the rank"):
        assert found[title] == {"mean map": [0, 0], "random": [0, 0]}


def test_every_occluder_has_a_score_of_its_own(pairs):
    found = rises(measured(pairs, {"following": Following(pairs, 1)}))
    assert {f"{kind}, rise of the share" for kind in OCCLUDERS} <= set(found)
    assert all(len(one["following"]) == 2 for one in found.values())


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_changes_nothing(pairs, batch_size):
    methods = {"following": Following(pairs, 1)}
    one, other = measured(pairs, methods), measured(pairs, methods, batch_size=batch_size)
    np.testing.assert_array_equal(one.share, other.share)


def test_pairs_that_nothing_moves_are_left_out(pairs):
    methods = {"fixed": Fixed(np.eye(4))}
    falls = measure_occluders(NETWORKS, pairs, methods, 0.5, rng(), least=-2.0)
    assert falls.kept.all()
    with pytest.raises(ParameterError, match="no occluder"):
        measure_occluders(NETWORKS, pairs, methods, 0.5, rng(), least=2.0)


def test_what_cannot_be_measured_is_refused(pairs):
    with pytest.raises(ParameterError, match="pairs and methods"):
        measured([], {"fixed": Fixed(np.eye(4))})
    with pytest.raises(ParameterError, match="beard"):
        occlude(pairs[0].test, "beard", rng())
