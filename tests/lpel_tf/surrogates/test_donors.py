"""Who gives superpixels to whom: never the same person, never across the split, and few change."""

import hashlib

import numpy as np
import pytest

from lpel_tf.surrogates.donors import choose_donors

N = 120
SIDES = ("train", "train", "train", "validation", "test")


@pytest.fixture
def photographs():
    """Digests, people (three photographs each) and sides, each person on one."""
    digests = [hashlib.sha256(bytes([i])).digest() for i in range(N)]
    people = [f"person {i // 3}" for i in range(N)]
    return digests, people, [SIDES[(i // 3) % len(SIDES)] for i in range(N)]


def test_donors_are_other_people_of_the_same_side(photographs):
    digests, people, sides = photographs
    donors = choose_donors(digests, people, sides, seed=0)
    assert donors.shape == (N,)
    assert all(people[d] != people[i] and sides[d] == sides[i] for i, d in enumerate(donors))
    assert len(set(donors.tolist())) > N / 3, "not one for all"


def test_donors_do_not_depend_on_the_order(photographs):
    digests, people, sides = photographs
    order = np.random.default_rng(1).permutation(N)
    donors = choose_donors(digests, people, sides, seed=0)
    shuffled = choose_donors(
        *([column[i] for i in order] for column in (digests, people, sides)), seed=0
    )
    np.testing.assert_array_equal(order[shuffled], donors[order])


def test_another_seed_chooses_others(photographs):
    one, other = (choose_donors(*photographs, seed=seed) for seed in (0, 1))
    assert (one != other).mean() > 0.8


def test_a_new_photograph_changes_few(photographs):
    digests, people, sides = photographs
    before = choose_donors(digests, people, sides, seed=0)
    after = choose_donors(
        [*digests, hashlib.sha256(b"new").digest()], [*people, "new"], [*sides, "train"], seed=0
    )
    changed = before != after[:N]
    assert changed.sum() < 12
    assert (after[:N][changed] == N).all(), "who gets another donor gets the new one"


def test_a_side_with_one_person_has_donors_all_the_same():
    digests = [hashlib.sha256(bytes([i])).digest() for i in range(4)]
    donors = choose_donors(digests, ["a", "a", "a", "b"], ["t", "t", "t", "v"], seed=0)
    assert set(donors[:3].tolist()) <= {0, 1, 2}
    assert donors[3] == 3
    assert len(choose_donors([], [], [], seed=0)) == 0
