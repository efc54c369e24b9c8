"""What holds of a centred crop of any picture."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lpel_serving.images.crops import LEAST_SHARE, LEAST_SIDE, CentreCrop
from lpel_serving.support.image_shape import ImageShape
from support.strategies import few

pytestmark = pytest.mark.property


@few
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(LEAST_SHARE, 1),
    st.integers(1, 64),
    st.integers(1, 64),
)
def test_a_centred_crop_always_has_the_shape_that_was_asked_for(
    height, width, fraction, high, wide
):
    box = min(height, width * high / wide), min(width, height * wide / high)
    assume(fraction == 1 or round(min(box) * fraction) >= LEAST_SIDE)
    picture = np.full((height, width, 3), 9, np.uint8)
    received = CentreCrop(fraction)(picture, ImageShape(high, wide))
    assert received.shape == (high, wide, 3)
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, 9)
