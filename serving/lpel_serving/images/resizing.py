"""Resizing: to what an embedder sees, and to what a decoder learns to reconstruct."""

import numpy as np
from PIL import Image as pillow

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.pictures import to_picture, to_pixels


def resize(pixels: Pixels, shape: ImageShape) -> Pixels:
    """Resize pixels to the height and width of a shape; bicubic, antialiased where they shrink."""
    if pixels.shape[:2] == shape[:2]:
        return np.array(pixels)  # a copy: what was given may change later
    size = (shape.width, shape.height)
    return to_pixels(to_picture(pixels).resize(size, pillow.Resampling.BICUBIC))


def decoder_target(crop: Pixels, shape: ImageShape) -> Pixels:
    """Shrink a face crop to the image that a decoder learns to reconstruct.

    Each pixel is the mean of the pixels that it covers.
    """
    size = (shape.width, shape.height)
    return to_pixels(to_picture(crop).resize(size, pillow.Resampling.BOX))
