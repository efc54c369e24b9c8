"""Pooled neighbours against the closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.ordering import decreasing
from oracles import oracle_ordering

pytestmark = pytest.mark.oracle


@given(st.lists(st.floats(-1e3, 1e3), max_size=12))
def test_the_nearest_falling_sequence(values):
    received = decreasing(np.array(values, np.float64))
    np.testing.assert_allclose(received, oracle_ordering.decreasing(values), atol=1e-9)
