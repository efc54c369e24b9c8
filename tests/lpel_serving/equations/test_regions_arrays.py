"""Dividing many heat-maps among the regions at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.equations.regions import REGIONS, region_shares, share_arrays

few = settings(max_examples=40, deadline=None, derandomize=True)


def random_maps(seed: int, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Maps, some of them of one sign or of nothing."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 0, 1, 2], size=(*shape[:-2], 1, 1))
    values = rng.normal(size=shape)
    return (np.where(signs == 2, values, signs * np.abs(values)) * scale).astype(np.float32)


@few
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 5),
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    scale=st.sampled_from([1e-44, 1e-30, 1.0, 1e37]),
)
def test_many_maps_are_divided_as_each_by_itself(seed, count, height, width, scale):
    maps = random_maps(seed, (count, height, width), scale)
    for_, against = share_arrays(maps)
    assert for_.shape == against.shape == (count, len(REGIONS))
    for one, of_one, against_one in zip(maps, for_, against, strict=True):
        alone = region_shares(one)
        assert [part.for_ for part in alone] == of_one.tolist()
        assert [part.against for part in alone] == against_one.tolist()


@few
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(1, 41))
def test_shares_of_all_regions_sum_to_1_unless_there_is_nothing_to_share(seed, side):
    maps = random_maps(seed, (4, side, side), 1.0)
    signs = (maps > 0).any(axis=(1, 2)), (maps < 0).any(axis=(1, 2))
    for shares, is_any in zip(share_arrays(maps), signs, strict=True):
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=-1), is_any, atol=1e-12)


@pytest.mark.parametrize("axes", [(), (6,), (2, 3), (3, 1, 2)])
def test_maps_may_lie_in_an_array_of_any_shape(axes):
    maps = random_maps(0, (*axes, 5, 8), 1.0)
    flat = share_arrays(maps.reshape(-1, 5, 8))
    for shares, expected in zip(share_arrays(maps), flat, strict=True):
        assert shares.shape == (*axes, len(REGIONS))
        np.testing.assert_array_equal(shares.reshape(-1, len(REGIONS)), expected)


def test_a_negated_map_exchanges_what_is_for_and_what_is_against():
    maps = random_maps(1, (9, 7, 7), 1.0)
    for_, against = share_arrays(maps)
    np.testing.assert_array_equal((against, for_), share_arrays(-maps))
