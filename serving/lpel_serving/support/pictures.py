"""Between Pillow's pictures and arrays of pixels, in colour or grey."""

import numpy as np
from PIL import Image as pillow

from lpel_serving.support.arrays import Pixels


def to_picture(pixels: Pixels) -> pillow.Image:
    """Make a picture of pixels, (H, W, 3) or (H, W, 1): in RGB, or in L."""
    grey = pixels.shape[2] == 1
    return pillow.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def to_pixels(picture: pillow.Image) -> Pixels:
    """Take the pixels of a picture in RGB or L, (H, W, 3) or (H, W, 1)."""
    pixels = np.asarray(picture, np.uint8)
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
