"""Sums in one order, and the smooth enlargement made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as pillow

from lpel_serving.equations.summation import bicubic_weights, enlarge_smoothly, fixed_dot, fixed_sum

FLOATS = st.floats(-1e6, 1e6, width=32)


def halves(values: list[np.float32]) -> np.float32:
    """The order as it is described: zeros to a power of two, then halves, pair by pair."""
    while len(values).bit_count() != 1:
        values = [*values, np.float32(0)]
    while len(values) > 1:
        middle = len(values) // 2
        values = [a + b for a, b in zip(values[:middle], values[middle:], strict=True)]
    return values[0]


@given(arrays.arrays(np.float32, st.integers(1, 200), elements=FLOATS))
def test_a_sum_adds_in_the_order_that_is_promised(values):
    assert fixed_sum(values).tobytes() == halves(list(values)).tobytes()


@given(arrays.arrays(np.float32, st.tuples(*[st.integers(1, 9)] * 3), elements=FLOATS))
def test_every_slice_sums_as_if_it_were_alone(values):
    together = fixed_sum(values)
    assert together.shape == values.shape[:2]
    for place in np.ndindex(together.shape):
        assert together[place].tobytes() == fixed_sum(values[place]).tobytes()


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_any_axis_sums_to_the_bytes_of_the_last(rng, axis):
    values = rng.normal(size=(5, 6, 7)).astype(np.float32)
    moved = np.ascontiguousarray(np.moveaxis(values, axis, -1))
    assert fixed_sum(values, axis).tobytes() == fixed_sum(moved).tobytes()


def test_a_sum_is_as_exact_as_float32_allows(rng):
    values = rng.normal(size=(50, 128)).astype(np.float32)
    exact = values.astype(np.float64).sum(axis=-1)
    seven_roundings = 7 * 2.0**-24 * np.abs(values.astype(np.float64)).sum(axis=-1)
    assert (np.abs(fixed_sum(values) - exact) <= seven_roundings).all()


def test_a_dot_product_is_the_same_whichever_comes_first(rng):
    a, b = rng.normal(size=(2, 30, 100)).astype(np.float32)
    assert fixed_dot(a, b).tobytes() == fixed_dot(b, a).tobytes()


@pytest.mark.parametrize("size", [8, 9, 20, 40, 160])
@pytest.mark.parametrize("shape", [(8, 8), (5, 7), (1, 1), (2, 8)])
def test_maps_are_enlarged_as_pillow_does_it(rng, shape, size):
    values = rng.normal(size=shape).astype(np.float32)
    by_pillow = pillow.fromarray(values).resize((size, size), pillow.Resampling.BICUBIC)
    np.testing.assert_allclose(enlarge_smoothly(values, size), by_pillow, atol=2e-6)


def test_many_maps_are_enlarged_at_once(rng):
    maps = rng.normal(size=(3, 2, 8, 8)).astype(np.float32)
    together = enlarge_smoothly(maps, 40)
    assert together.shape == (3, 2, 40, 40)
    assert together[1, 1].tobytes() == enlarge_smoothly(maps[1, 1], 40).tobytes()


@pytest.mark.parametrize("length", [1, 4, 8, 19])
def test_weights_sum_to_one_and_keep_a_map_of_its_own_size(length):
    np.testing.assert_allclose(bicubic_weights(length, 40).sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(bicubic_weights(length, length), np.eye(length, dtype=np.float32))
