"""The grid of squares on an image."""

from types import SimpleNamespace

import numpy as np
import pytest

from lpel_serving.equations.superpixels import descending, grid_side, labels, superpixel_sums
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.support.errors import LpelError, ParameterError


@pytest.mark.parametrize(
    ("size", "superpixel", "side"), [(40, 5, 8), (40, 20, 2), (40, 1, 40), (9, 3, 3)]
)
def test_superpixels_are_counted_along_a_side(size, superpixel, side):
    assert grid_side(size, superpixel) == side


@pytest.mark.parametrize("superpixel", [3, 0, -5, 40, 41, 80])
def test_superpixels_that_do_not_tile_the_image_are_refused(superpixel):
    with pytest.raises(
        ParameterError, match=rf"superpixels of {superpixel} pixels .* 1, 2, 4, 5, 8, 10, 20\."
    ) as caught:
        grid_side(40, superpixel)
    assert isinstance(caught.value, LpelError)
    assert isinstance(caught.value, ValueError)


def test_each_superpixel_is_summed_row_by_row():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    expected = [0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 12 + 13, 10 + 11 + 14 + 15]
    np.testing.assert_array_equal(superpixel_sums(values, 2), expected)


def test_a_map_of_one_value_for_each_superpixel_is_its_own_sums():
    values = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    np.testing.assert_array_equal(superpixel_sums(values, 8), values.ravel())


def test_a_pixel_in_several_superpixels_counts_in_each_with_its_share():
    values = np.zeros((3, 3), np.float32)
    values[0, 1] = 8
    np.testing.assert_allclose(superpixel_sums(values, 2), [4, 4, 0, 0])
    values[:] = 0
    values[1, 1] = 8
    np.testing.assert_allclose(superpixel_sums(values, 2), [2, 2, 2, 2])


def test_a_coarse_map_is_shared_out():
    values = np.array([[4, 8], [0, -4]], np.float32)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [0, 0, -1, -1], [0, 0, -1, -1]]
    np.testing.assert_allclose(superpixel_sums(values, 4).reshape(4, 4), expected)


def test_a_map_may_be_oblong():
    values = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(superpixel_sums(values, 2), [1, 5, 9, 13])


def test_small_values_beside_large_ones_are_not_lost():
    values = np.full((40, 40), 1e-3, np.float32)
    values[0, 0] = 3e4
    values[0, 1] = -3e4
    assert superpixel_sums(values, 8)[0] == pytest.approx(23e-3, rel=1e-4)


def test_the_superpixel_of_the_highest_sum_comes_first():
    order = descending(np.array([1.0, -2.0, 5.0, 0.0]), np.random.default_rng(0))
    assert order.tolist() == [2, 0, 3, 1]


def test_ties_are_broken_at_random_and_nothing_else_is():
    sums = np.array([1.0, 3.0, 1.0, 2.0, 1.0])
    rng = np.random.default_rng(0)
    orders = {tuple(descending(sums, rng).tolist()) for _ in range(200)}
    assert {order[:2] for order in orders} == {(1, 3)}
    assert len(orders) == 6


def test_the_tie_breaker_says_how_ties_are_broken():
    sums = np.zeros(64)
    one, same, other = (descending(sums, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("size", [16, 37, 40, 160])
@pytest.mark.parametrize("side", [7, 8])
def test_an_even_map_ties_everywhere(size, side):
    sums = superpixel_sums(np.full((size, size), 0.1, np.float32), side)
    orders = [descending(sums, np.random.default_rng(seed)) for seed in range(40)]
    firsts = {int(order[0]) for order in orders}
    assert len(firsts) > 10


def test_superpixels_that_mirror_each_other_tie():
    values = Centre()(SimpleNamespace(test=np.zeros((160, 160, 3))), None, None)
    firsts = {
        int(descending(superpixel_sums(values, 8), np.random.default_rng(seed))[0])
        for seed in range(40)
    }
    assert firsts == {27, 28, 35, 36}


def test_every_pixel_has_the_number_of_its_superpixel():
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    np.testing.assert_array_equal(labels((4, 4), 2), expected)


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(160, 160, 8), (37, 37, 8), (112, 112, 40), (8, 8, 8), (12, 20, 4), (240, 60, 8)],
)
def test_superpixels_are_of_one_size_as_far_as_can_be(height, width, side):
    numbers = labels((height, width, 3), side)
    assert numbers.shape == (height, width)
    assert np.unique(numbers).tolist() == list(range(side**2))
    for line in (numbers[0], numbers[:, 0] // side):
        lengths = np.bincount(line)
        assert len(lengths) == side
        assert lengths.max() - lengths.min() <= 1
    turned = labels((width, height), side)
    np.testing.assert_array_equal(numbers.T, turned % side * side + turned // side)


def test_sums_that_rounding_alone_tells_apart_are_tied():
    sums = 1e6 * (1 - np.array([0, 4e-10, 1e-10, 2e-16]))
    orders = {tuple(descending(sums, np.random.default_rng(seed))) for seed in range(200)}
    assert len(orders) == 24


def test_sums_that_differ_by_more_are_not_tied():
    sums = -1e6 * (1 + np.array([3, 0, 2, 1]) * 2e-9)
    for seed in range(20):
        assert descending(sums, np.random.default_rng(seed)).tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_what_is_tied_does_not_hang_on_the_scale(scale):
    sums = scale * np.array([1, 1 + 1e-11, 0.5, 2])
    orders = {tuple(descending(sums, np.random.default_rng(seed))) for seed in range(50)}
    assert orders == {(3, 0, 1, 2), (3, 1, 0, 2)}
