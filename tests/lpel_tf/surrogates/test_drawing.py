"""Coalitions that a surrogate learns from: complements, of every size, every other pair compact."""

import numpy as np
import pytest

from lpel_tf.surrogates.drawing import draw_complements

SIDES = [2, 3, 8]


def drawn(pairs, side=8, seed=0):
    return draw_complements(np.random.default_rng(seed), pairs, side)


@pytest.mark.parametrize("side", SIDES)
def test_each_coalition_is_followed_by_its_complement(side):
    both = drawn(50, side).reshape(50, 2, side * side)
    assert both.dtype == np.bool_
    np.testing.assert_array_equal(both[:, 0], ~both[:, 1])


@pytest.mark.parametrize("side", SIDES)
def test_sizes_are_all_but_none_and_all_alike_often(side):
    sizes = drawn(2000, side)[::2].sum(axis=1)
    counts = np.bincount(sizes, minlength=side * side + 1)
    assert counts[0] == counts[-1] == 0
    expected = 2000 / (side * side - 1)
    assert np.abs(counts[1:-1] - expected).max() < 6 * np.sqrt(expected)


def test_fewer_pairs_are_the_first_of_more():
    np.testing.assert_array_equal(drawn(3), drawn(9)[:6])
    assert (drawn(3) != drawn(3, seed=1)).any()


def together(coalitions):
    """The share of neighbours, left and right, that are both in or both out."""
    grids = coalitions.reshape(-1, 8, 8)
    return (grids[:, :, 1:] == grids[:, :, :-1]).mean(axis=(1, 2))


def test_every_other_pair_is_compact():
    pairs = drawn(400).reshape(400, 2, 64)[:, 0]
    middle = np.abs(pairs.sum(axis=1) - 32) < 12
    scattered, compact = (together(pairs[i::2][middle[i::2]]) for i in (0, 1))
    assert np.median(scattered) < 0.6
    assert np.median(compact) > np.median(scattered) + 0.1
    assert np.quantile(compact, 0.7) > 0.75, "some are hardly jittered at all"


def test_superpixels_are_alike_often_in_scattered_ones():
    share = drawn(4000)[::4].mean(axis=0)
    assert np.abs(share - 0.5).max() < 0.1
