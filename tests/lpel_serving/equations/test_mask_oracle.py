"""Masks against the literal Eq. 4.7."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.mask import mask
from oracles import equations
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@few
@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    seeds,
    st.sampled_from([0.0, 0.3, 0.7, 0.95]),
)
def test_mask_is_equation_4_7(shape, seed, epsilon):
    values = np.random.default_rng(seed).random(shape).astype(np.float32)
    received = mask(values, epsilon)
    assert received.dtype == np.bool_
    np.testing.assert_array_equal(received, equations.mask(values.tolist(), epsilon))


@pytest.mark.parametrize("epsilon", [0.0, 0.25, 0.5, 0.75])
def test_a_change_equal_to_the_threshold_is_not_selected(epsilon):
    values = np.arange(9, dtype=np.float32).reshape(3, 3) / 8
    received = mask(values, epsilon)
    np.testing.assert_array_equal(received, values > epsilon)
    np.testing.assert_array_equal(received, equations.mask(values.tolist(), epsilon))
