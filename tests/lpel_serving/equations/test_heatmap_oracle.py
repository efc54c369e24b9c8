"""Heat-maps against the literal Eq. 4.6, and their normalisation against Eq. 4.3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.heatmap import heat_map, normalise
from lpel_serving.equations.mask import mask
from oracles import equations
from support.embeddings import close
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@few
@given(st.tuples(st.integers(1, 8), st.integers(1, 8), st.sampled_from([1, 3])), seeds)
def test_heat_map_is_equation_4_6(shape, seed):
    x, x_p = np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    close(heat_map(x, x_p), equations.heat_map(x.tolist(), x_p.tolist()))
    many = heat_map(np.stack([x, x_p]), np.stack([x_p, x_p]))
    assert many.shape == (2, *shape[:2])
    np.testing.assert_array_equal(many[0], heat_map(x, x_p))
    np.testing.assert_array_equal(many[1], 0)


def test_each_of_many_heat_maps_is_normalised_by_itself():
    maps = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    maps *= np.array([1, 10, 100], np.float32)[:, None, None]
    maps[2] = 7
    received = normalise(maps)
    for i in range(3):
        flat = equations.normalised(maps[i].ravel().tolist())
        close(received[i].ravel(), flat)
    np.testing.assert_array_equal(mask(maps, 0.7)[2], False)
