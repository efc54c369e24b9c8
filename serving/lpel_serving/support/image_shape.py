"""The shape of an image: height, width and channels."""

from collections.abc import Sequence
from typing import NamedTuple

DRAWN = 40
"""Longer side of the images that a decoder draws in the thesis, and the most that they have unless
more is asked."""


class ImageShape(NamedTuple):
    """Height, width and channels of an image: 3 for RGB, 1 for grey (luminance)."""

    height: int
    width: int
    channels: int = 3

    @property
    def is_square_rgb(self) -> bool:
        """Whether it is square and in colour, as FaceNet's images are."""
        return self.height == self.width and self.channels == 3

    @property
    def colours(self) -> str:
        """What its channels are: RGB or grey."""
        return "RGB" if self.channels == 3 else "grey"

    @property
    def words(self) -> str:
        """Name it in words, such as "160 by 160 pixels, RGB": the width comes first."""
        return f"{self.width} by {self.height} pixels, {self.colours}"


def square(side: int) -> ImageShape:
    """Return the shape of a square RGB image."""
    return ImageShape(side, side)


def drawn_from(shape: ImageShape) -> ImageShape:
    """Return the shape in which a network's images are drawn: its own, up to `DRAWN` pixels."""
    return shape if max(shape[:2]) <= DRAWN else within(shape, DRAWN)


def within(shape: Sequence[int], longest: int) -> ImageShape:
    """Bring the longer side of an image to a length and keep its proportions and channels.

    Each side has at least 1 pixel.
    """
    height, width, channels = shape
    height, width = (max(1, round(side * longest / max(height, width))) for side in (height, width))
    return ImageShape(height, width, channels)
