"""Pairs that are drawn from photographs."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs import draw_pairs, possible_pairs, sample_pairs
from lpel_serving.support.errors import PairsError
from support.images import touch
from support.strategies import few, seeds

IDENTITIES = [
    name for name, count in [("a", 5), ("b", 3), ("c", 1), ("d", 2)] for _ in range(count)
]


@few
@given(seeds, st.integers(1, 28))
def test_drawn_pairs_are_distinct_balanced_and_true(seed, n):
    drawn = draw_pairs(IDENTITIES, n, np.random.default_rng(seed))
    assert len(drawn) == n
    assert len({frozenset((a, b)) for a, b, _ in drawn}) == n
    assert sum(same for _, _, same in drawn) == (n + 1) // 2
    for a, b, same in drawn:
        assert a != b
        assert (IDENTITIES[a] == IDENTITIES[b]) is same


def test_the_seed_decides_which_pairs_are_drawn():
    def draw(seed: int) -> list[tuple[int, int, bool]]:
        return draw_pairs(IDENTITIES, 10, np.random.default_rng(seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_every_person_with_several_photographs_is_equally_likely():
    rng = np.random.default_rng(0)
    drawn = [draw_pairs(IDENTITIES, 1, rng)[0][0] for _ in range(3000)]
    shares = [np.mean([IDENTITIES[place] == name for place in drawn]) for name in "abcd"]
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.04)


COLLECTIONS = ["", "a", "aa", "ab", "aab", "aabb", "aaa", "abcd", "aaab", "aabbc"]


@pytest.mark.parametrize("identities", COLLECTIONS)
def test_as_many_pairs_can_be_drawn_as_there_are_and_no_more(identities):
    pairs = list(combinations(identities, 2))
    same = sum(a == b for a, b in pairs)
    different = len(pairs) - same
    assert possible_pairs(identities) == 2 * min(same, different)
    for n in range(-1, len(pairs) + 3):
        if n >= 1 and (n + 1) // 2 <= same and n // 2 <= different:
            assert len(draw_pairs(identities, n, np.random.default_rng(n))) == n
        else:
            with pytest.raises(PairsError, match=f"asked for {n} pairs"):
                draw_pairs(identities, n, np.random.default_rng(0))


def test_sampled_pairs_are_photographs(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg", "B/1.jpg", "B/2.jpg")
    faces = list_faces(tmp_path)
    for pair in sample_pairs(faces, 4, np.random.default_rng(0)):
        assert pair.reference.is_file()
        assert pair.test.is_file()
        assert (pair.reference.parent == pair.test.parent) is pair.same
