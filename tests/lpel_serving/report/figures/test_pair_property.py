"""What holds of a figure's parts for any image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.report.figures import highlight
from support.strategies import few, seeds

pytestmark = pytest.mark.property


@few
@given(seeds, st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9))
def test_highlight_keeps_the_shape_of_the_image(seed, height, width, rows, columns):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    received = highlight(image, rng.random((rows, columns)) < 0.5)
    assert received.shape == image.shape
    assert received.dtype == np.uint8
