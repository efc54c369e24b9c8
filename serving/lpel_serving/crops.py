"""From a photograph to the square that the embedder sees."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
from PIL import Image as pillow

from lpel_serving.errors import ImageError, NoFaceError, ParameterError, ServingError
from lpel_serving.images import MAX_PIXELS, Image, Pixels, name_of, read_pixels

LEAST_SHARE = 0.01
"""A smaller share of a photograph is a slip of the pen, and shows nothing."""
LEAST_SIDE = 4
"""Fewer pixels than that, cut out of more, are no picture of a face."""


class Crop(Protocol):
    """Cuts the face out of a photograph."""

    def __call__(self, pixels: Pixels, size: int) -> Pixels:
        """Turn RGB pixels, shape (H, W, 3), into a face crop of shape (size, size, 3)."""
        ...


@dataclass(frozen=True)
class CentreCrop:
    """The square in the middle of a photograph.

    Attributes
    ----------
    fraction
        Its side as a share of the photograph's shorter side, in [0.01, 1]; 1 takes all there is.
        LFW's photographs (250 pixels) give the usual 120-pixel face crop with 0.48.

    Raises
    ------
    ParameterError
        If the share is out of its range.
    """

    fraction: float = 1.0

    def __post_init__(self) -> None:
        if not LEAST_SHARE <= self.fraction <= 1:
            raise ParameterError(
                f"a centred crop takes a share from {LEAST_SHARE} to 1 of the image, received "
                f"{self.fraction}."
            )

    def __call__(self, pixels: Pixels, size: int) -> Pixels:
        """Cut the square and resize it; bicubic, antialiased where it shrinks.

        Raises
        ------
        ImageError
            If the share is less than 4 pixels.
        """
        height, width = pixels.shape[:2]
        side = max(1, round(min(height, width) * self.fraction))
        if side < LEAST_SIDE and self.fraction < 1:
            raise ImageError(
                f"the middle {self.fraction:.2g} of {width} by {height} pixels has a side of "
                f"{side}; expected at least {LEAST_SIDE}: give a larger picture or share."
            )
        top, left = (height - side) // 2, (width - side) // 2
        return resize(pixels[top : top + side, left : left + side], size)


def read_face(
    image: Image, crop: Crop, size: int, name: str | None = None, most: int = MAX_PIXELS
) -> Pixels:
    """Read an image and cut the face out, uint8, shape (size, size, 3).

    Parameters
    ----------
    image
        See `lpel_serving.images.read_pixels`.
    crop
        How to cut.
    size
        Side of the result.
    name
        What complaints call the image; its path, if it has one, when None.
    most
        Pixels that are decoded at most.

    Raises
    ------
    ImageError
        If it is no usable image, or the crop finds no face in it.
    """
    pixels = read_pixels(image, name, most)
    try:
        face = crop(pixels, size)
    except NoFaceError as error:
        raise NoFaceError(f"{name or name_of(image)}: {error}") from error
    if face.shape != (size, size, 3) or face.dtype != np.uint8:
        raise ImageError(
            f"the crop gave {face.dtype} of shape {face.shape}; "
            f"expected uint8 of shape ({size}, {size}, 3)."
        )
    return face


def parse_crop(text: str) -> Crop:
    """Make the crop that a text names: `none`, a share such as `0.48`, or a plugin's name.

    Plugins are found in the entry-point group `lpel.crops`; `lpel_tf` brings `mtcnn`, which
    detects the face and aligns it.

    Raises
    ------
    ParameterError
        If the text names no crop.
    MissingExtraError
        If what the plugin needs is not installed.
    """
    if text == "none":
        return CentreCrop()
    plugins = {plugin.name: plugin for plugin in entry_points(group="lpel.crops")}
    if text in plugins:
        return plugins[text].load()()
    try:
        return CentreCrop(float(text))
    except ServingError:
        raise
    except ValueError as error:
        names = ", ".join(["none", "a share such as 0.48", *sorted(plugins)])
        raise ParameterError(f"no crop is called {text!r}; there are: {names}.") from error


def resize(pixels: Pixels, size: int) -> Pixels:
    """Resize RGB pixels to a square of `size`; bicubic, antialiased where they shrink."""
    if pixels.shape[:2] == (size, size):
        return np.array(pixels)  # a copy: what was given may change later
    image = pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), pillow.Resampling.BICUBIC), dtype=np.uint8)


def decoder_target(crop: Pixels, size: int) -> Pixels:
    """Shrink a face crop to the image that a decoder learns to reconstruct, shape (size, size, 3).

    Each pixel is the mean of the pixels that it covers.
    """
    image = pillow.fromarray(crop).resize((size, size), pillow.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)
