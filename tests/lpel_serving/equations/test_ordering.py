"""Orders averaged by ranks, and maps whose order is a given one."""

import numpy as np
import pytest

from lpel_serving.equations.ordering import decreasing, draw_along, mean_order, order_map, ranks_of
from lpel_serving.equations.superpixels import descending
from lpel_serving.support.errors import ParameterError

ORDER = np.array([2, 0, 3, 1])


def test_ranks_are_places():
    np.testing.assert_array_equal(ranks_of(ORDER), [1, 3, 0, 2])


def test_ranks_are_averaged_and_ties_go_by_the_first():
    # ranks 1, 3, 0, 2 and 0, 1, 2, 3: sums 1, 4, 2, 5
    np.testing.assert_array_equal(mean_order(ORDER, np.arange(4)), [0, 2, 1, 3])
    np.testing.assert_array_equal(mean_order(ORDER, ORDER[::-1]), ORDER)
    np.testing.assert_array_equal(mean_order(ORDER, ORDER), ORDER)


@pytest.mark.parametrize("other", [[0, 1, 2], [0, 1, 2, 2], [1, 2, 3, 4]])
def test_orders_of_other_superpixels_are_refused(other):
    with pytest.raises(ParameterError, match="of the same superpixels"):
        mean_order(ORDER, np.array(other))


def test_what_falls_stays():
    np.testing.assert_array_equal(decreasing(np.array([3.0, 1, 1, -2])), [3, 1, 1, -2])


def test_what_rises_is_pooled():
    np.testing.assert_array_equal(decreasing(np.array([1.0, 3, 2, 0, 4])), [2, 2, 2, 2, 2])
    np.testing.assert_array_equal(decreasing(np.array([5.0, 1, 3, 0])), [5, 2, 2, 0])
    assert decreasing(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("changes", [[0.4, 0.1, 0.3, -0.2], [-1, 0, 1, 0], [-1, -1, -1, 5]])
def test_the_order_of_the_map_is_the_order(changes):
    values = order_map(ORDER, np.array(changes, np.float32)).astype(np.float32)
    found = descending(values.astype(np.float64), np.random.default_rng(0))
    np.testing.assert_array_equal(found, ORDER)
    assert values.sum() == pytest.approx(sum(changes), abs=1e-6)
    steps = np.abs(values[ORDER] - decreasing(np.array(changes, np.float64)))
    assert steps.max() <= 2e-5 * max(1, np.abs(changes).max())


def test_where_nothing_changes_anything_the_map_is_0():
    np.testing.assert_array_equal(order_map(ORDER, np.zeros(4)), np.zeros(4))
    assert order_map(np.zeros(0, np.int64), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("size", [1e-3, 1, 1e3])
def test_changes_that_pool_to_0_are_in_order_by_the_size_that_they_had(size):
    values = order_map(ORDER, np.array([-1.0, 0, 1, 0]) * size)
    np.testing.assert_allclose(values[ORDER], np.array([1.5, 0.5, -0.5, -1.5]) * 1e-5 * size)


def test_coalitions_along_an_order_are_mostly_of_its_beginning():
    order = np.random.default_rng(1).permutation(64)
    drawn = draw_along(order, np.random.default_rng(2), 4000)
    assert drawn.shape == (4000, 64)
    sizes = drawn.sum(axis=1)
    assert (sizes.min(), sizes.max()) == (1, 40)
    assert np.histogram(sizes, bins=4, range=(0.5, 40.5))[0].min() > 850  # uniform
    often = drawn.mean(axis=0)[order]
    quarters = often.reshape(4, 16).mean(axis=1)
    assert quarters.tolist() == sorted(quarters, reverse=True)
    assert quarters[0] > 4 * quarters[3] > 0


def test_coalitions_along_an_order_are_the_first_of_any_larger_number():
    order = np.arange(9)
    few, many = (draw_along(order, np.random.default_rng(3), n) for n in (5, 50))
    assert few.tolist() == many[:5].tolist()
    assert draw_along(order[:1], np.random.default_rng(3), 2).tolist() == [[True], [True]]
