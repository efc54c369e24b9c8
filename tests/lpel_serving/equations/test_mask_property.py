"""What holds of masks, Eq. 4.7, for any heat-map."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.mask import mask
from support.strategies import few, maps

pytestmark = pytest.mark.property


@few
@given(maps, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_mask_shrinks_as_epsilon_grows(heat_map, first, second):
    wide, narrow = (mask(heat_map, epsilon) for epsilon in sorted((first, second)))
    assert wide.shape == heat_map.shape
    assert not np.any(narrow & ~wide)
