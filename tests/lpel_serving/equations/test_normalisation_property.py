"""What holds of min-max normalisation, Eq. 4.3, for any numbers."""

import numpy as np
import pytest
from hypothesis import given

from lpel_serving.equations.normalisation import min_max
from support.strategies import few, maps

pytestmark = pytest.mark.property


@few
@given(maps)
def test_min_max_lies_in_0_to_1_and_is_idempotent(values):
    once = min_max(values, axes=(-2, -1))
    assert once.dtype == np.float32
    assert once.min() == 0
    assert once.max() in {0, 1}
    np.testing.assert_array_equal(min_max(once, axes=(-2, -1)), once)
