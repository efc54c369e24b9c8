"""The numbers of a pair."""

import numpy as np
import pytest

from lpel_serving.report.numbers import reconstruction_error


def test_the_reconstruction_error_is_the_mean_square_over_pixels_and_channels():
    crop = np.full((16, 16, 3), 255, np.uint8)
    reconstruction = np.ones((8, 8, 3), np.float32)
    assert reconstruction_error(reconstruction, crop) == 0
    reconstruction[0, 0, 0] = 3
    assert reconstruction_error(reconstruction, crop) == pytest.approx(4 / 192)
    assert reconstruction_error(np.zeros((8, 8, 3), np.float32), crop) == pytest.approx(1)
