"""Patches given back and landmarks swapped, against the literal oracles."""

import numpy as np
import pytest

from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_tf.research.measures.landmarks.boxes import Box, with_landmark
from lpel_tf.research.measures.landmarks.game import SwapSettings, Triplet, measure_swaps
from lpel_tf.research.measures.patches.areas import areas, error_rates
from lpel_tf.research.measures.patches.game import PatchSettings, measure_patches
from oracles import oracle_restoration as oracle

pytestmark = pytest.mark.oracle

SIDE = 6
KERNEL = np.random.default_rng(5).normal(size=(SIDE * SIDE * 3, 7))


def embed(crops: np.ndarray) -> np.ndarray:
    """Not linear: what a pixel does depends on the others."""
    flat = crops.reshape(len(crops), -1) / 255 - 0.5
    return np.tanh(flat @ KERNEL / 2).astype(np.float32)


def embed_lists(image: list) -> list[float]:
    return embed(np.array([image], np.uint8))[0].tolist()


NETWORKS = AssembledNetworks(embed, lambda h: h)


def photograph(rng) -> np.ndarray:
    return rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def another_of(image, rng) -> np.ndarray:
    """The same person: most pixels are the same."""
    return np.where(rng.random((SIDE, SIDE, 1)) < 0.7, image, photograph(rng))


def heat_map(rng) -> np.ndarray:
    return rng.permutation(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float32) - 7


def pair_of(reference, test) -> FacePair:
    return FacePair(reference, test, *embed(np.stack([reference, test])), similar=True)


class Speaking:
    """A method with a map for a match, negated where a non-match is to be explained."""

    def __init__(self, rng):
        self.rng = rng
        self.asked = []

    def __call__(self, pair, networks, rng):
        for_match = heat_map(self.rng)
        self.asked.append((pair, for_match))
        return for_match if pair.similar else -for_match


@pytest.mark.parametrize("levels", [tuple(range(5, 100, 5)), (0, 1, 50, 99, 100)])
@pytest.mark.parametrize("seed", range(8))
def test_patches_are_given_back_as_the_oracle_gives_them(seed, levels):
    rng = np.random.default_rng(seed)
    faces = [photograph(rng) for _ in range(10)]
    genuine = [pair_of(one, another_of(one, rng)) for one in faces[:5]]
    impostor = [pair_of(one, photograph(rng)) for one in faces[5:]]
    donors = [photograph(rng) for _ in genuine]
    method = Speaking(rng)
    options = PatchSettings(levels, patches=4, share=0.4)
    received = measure_patches(
        NETWORKS, genuine, impostor, donors, {"map": method}, options, rng, batch_size=3
    )
    same = [True] * 5 + [False] * 5
    pairs = genuine + impostor
    clean = [oracle.cosine(one.h_r.tolist(), one.h_t.tolist()) for one in pairs]
    threshold = oracle.least_gap_threshold(clean, same)
    assert received.threshold == pytest.approx(threshold, abs=1e-6)
    assert received.clean.tolist() == [
        (s > threshold) != t for s, t in zip(clean, same, strict=True)
    ]
    lenders = [*donors, *(one.reference for one in impostor)]
    expected = []
    for i, (seen, for_match) in enumerate(method.asked):
        lent = (seen.test == lenders[i]).all(-1)
        assert lent.any()
        assert (lent | (seen.test == pairs[i].test).all(-1)).all()
        patched, wrong = oracle.patches_wrong(
            pairs[i].reference.tolist(),
            pairs[i].test.tolist(),
            seen.test.tolist(),
            same[i],
            for_match.tolist(),
            levels,
            threshold,
            embed_lists,
        )
        assert received.patched[i] == patched
        assert received.wrong[0, i].tolist() == wrong
        expected.append(wrong)
    for kind, chosen in (("genuine", expected[:5]), ("impostor", expected[5:])):
        np.testing.assert_allclose(error_rates(received, kind)["map"], np.mean(chosen, axis=0))
        np.testing.assert_allclose(areas(received, kind, "map"), np.mean(chosen, axis=1))


def test_the_oracles_patches_tell_the_ends_of_a_map_apart():
    # Otherwise the comparison above would hold of either sign.
    rng = np.random.default_rng(0)
    differences = 0
    for _ in range(20):
        reference = photograph(rng)
        original = another_of(reference, rng)
        patched = another_of(original, rng)
        values = heat_map(rng)
        one, other = (
            oracle.patches_wrong(
                reference.tolist(),
                original.tolist(),
                patched.tolist(),
                True,
                (sign * values).tolist(),
                range(5, 100, 5),
                0.6,
                embed_lists,
            )
            for sign in (1, -1)
        )
        differences += one != other
    assert differences >= 3


BOXES = {
    "inside": (1 / 6, 1 / 3, 2 / 3, 5 / 6),
    "edge": (0, 0.25, 0.4, 1),
    "band": (0.3, 0, 0.75, 1),
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize("feather", [0, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_twins_are_the_oracles(seed, feather, box):
    rng = np.random.default_rng(seed)
    probe, donor = photograph(rng), photograph(rng)
    expected = oracle.twin_of(probe.tolist(), donor.tolist(), box, feather)
    received = with_landmark(probe, donor, Box(*box), feather)
    # A blend half-way between two levels may be rounded to either.
    np.testing.assert_allclose(received.astype(int), expected, atol=1)
    assert (received == expected).mean() > 0.98


@pytest.mark.parametrize("feather", [0, 0.2])
@pytest.mark.parametrize("seed", range(6))
def test_the_game_is_the_oracles(seed, feather):
    rng = np.random.default_rng(seed)
    triplets = []
    for region in list(BOXES) * 3:
        probe = photograph(rng)
        reference = another_of(probe, rng)
        h = embed(np.stack([reference, probe]))
        triplets.append(Triplet(reference, probe, photograph(rng), *h, region))
    asked = []

    def method(pair, networks, rng_):
        asked.append((pair.test, heat_map(rng)))
        return asked[-1][1]

    masses, rates = (0, 1, 5, 20, 33, 50, 77, 99, 100), (0, 1, 5, 25, 60)
    options = SwapSettings(
        {name: Box(*box) for name, box in BOXES.items()}, feather, 0.98, masses, rates
    )
    received = measure_swaps(NETWORKS, triplets, {"map": method}, options, rng, batch_size=4)
    kept = [one for one, played in zip(triplets, received.kept, strict=True) if played]
    assert len(kept) == len(asked) > 4
    for one, likeness in zip(triplets, received.likeness, strict=True):
        box = Box(*BOXES[one.region])
        twin = with_landmark(one.probe, one.donor, box, feather).tolist()
        expected = oracle.cosine(embed_lists(one.probe.tolist()), embed_lists(twin))
        assert likeness == pytest.approx(expected, abs=1e-6)
    for k, (one, (twin, values)) in enumerate(zip(kept, asked, strict=True)):
        flips, alarms, read_off, iou, hit = oracle.swap_game(
            one.probe.tolist(),
            twin.tolist(),
            [[int(value) for value in row] for row in values],
            masses,
            rates,
            embed_lists,
        )
        assert received.flipped[0, k].tolist() == flips
        np.testing.assert_allclose(received.false_alarms[0, k], [float(a) for a in alarms])
        assert received.flipped_at[0, k].tolist() == read_off
        assert received.iou[0, k] == pytest.approx(float(iou))
        assert received.hit[0, k] == hit
