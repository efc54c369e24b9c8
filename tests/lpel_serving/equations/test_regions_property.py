"""What holds of the regions of any map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lpel_serving.equations.regions import REGIONS, region_shares
from support.strategies import few

pytestmark = pytest.mark.property


maps = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.floats(-1e4, 1e4, width=32),
)


def numbers(heat_map) -> np.ndarray:
    """area, for and against by region, shape (7, 3)."""
    return np.array([(one.area, one.for_, one.against) for one in region_shares(heat_map)])


@few
@given(maps)
def test_shares_lie_between_0_and_1_and_sum_to_1_or_to_nothing(heat_map):
    assert tuple(one.name for one in region_shares(heat_map)) == REGIONS
    received = numbers(heat_map)
    assert (received >= 0).all()
    assert (received <= 1 + 1e-9).all()
    expected = [1, float((heat_map > 0).any()), float((heat_map < 0).any())]
    np.testing.assert_allclose(received.sum(axis=0), expected, atol=1e-9)


@few
@given(maps)
def test_a_mirrored_map_has_the_same_shares(heat_map):
    mirrored = np.ascontiguousarray(heat_map[:, ::-1])
    np.testing.assert_allclose(numbers(mirrored), numbers(heat_map), atol=1e-9)


@few
@given(maps)
def test_the_opposite_map_has_for_and_against_exchanged(heat_map):
    np.testing.assert_array_equal(numbers(-heat_map)[:, [0, 2, 1]], numbers(heat_map))


@few
@given(maps, st.sampled_from([0.25, 2.0, 1024.0]))
def test_a_positive_scale_changes_no_share(heat_map, scale):
    scaled = numbers(heat_map * np.float32(scale))
    np.testing.assert_allclose(scaled, numbers(heat_map), atol=1e-9)


@few
@given(maps, st.integers(2, 5))
def test_a_map_of_repeated_pixels_has_the_same_shares(heat_map, times):
    larger = heat_map.repeat(times, axis=0).repeat(times, axis=1)
    assert numbers(larger) == pytest.approx(numbers(heat_map), abs=1e-9)
