"""The shape of the images that a network takes, as it may be given."""

import operator
from collections.abc import Sequence
from typing import cast

from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import ImageShape

ImageSize = int | Sequence[int]
"""A side S, height and width (H, W), or these with 3 channels or 1, (H, W, C)."""


def as_shape(image_size: ImageSize, channels: int = 3) -> ImageShape:
    """Return the shape of images, in pixels, as Python's own whole numbers.

    Parameters
    ----------
    image_size
        A side, height and width, or these with the channels.
    channels
        Those of an image whose channels are not given.

    Raises
    ------
    ParameterError
        If it is none of these, a side is not a whole number, 1 at least, or there are neither 3
        channels nor 1.
    """
    numbers = _whole_numbers(image_size)
    if len(numbers) == 2:
        numbers.append(channels)
    if len(numbers) == 3 and min(numbers) >= 1 and numbers[2] in (1, 3):
        return ImageShape(*numbers)
    raise ParameterError(
        "image_size is a side in whole pixels, (height, width), or (height, width, channels) with "
        f"3 channels or 1; received {image_size!r}."
    )


def _whole_numbers(image_size: ImageSize) -> list[int]:
    """Its numbers, a side twice; none if one is not whole."""
    try:
        return [operator.index(cast("int", image_size))] * 2
    except TypeError:
        pass
    try:
        return [operator.index(one) for one in cast("Sequence[int]", image_size)]
    except TypeError:
        return []
