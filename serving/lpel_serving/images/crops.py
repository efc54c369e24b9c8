"""Crops: from a photograph to the square face crop that the embedder sees."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image as pillow

from lpel_serving.images.found import FoundFaces
from lpel_serving.images.reading import MAX_PIXELS, Image, name_of, read_pixels
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import (
    FaceChoiceError,
    ImageError,
    NoFaceError,
    ParameterError,
    ServingError,
)

LEAST_SHARE = 0.01
"""Least share of a photograph that a centred crop takes: a smaller one is a typing error."""
LEAST_SIDE = 4
"""Least side of a centred crop, in pixels: a smaller one shows no face."""


class Crop(Protocol):
    """Cuts the face out of a photograph."""

    def __call__(self, pixels: Pixels, size: int) -> Pixels:
        """Turn RGB pixels, shape (H, W, 3), into a face crop of shape (size, size, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class CutFace:
    """A face that was cut out of a photograph.

    Attributes
    ----------
    pixels
        The crop, uint8, shape (S, S, 3).
    found
        The faces that were detected, and which one this is; None where the crop detects none.
    """

    pixels: Pixels
    found: FoundFaces | None = None


@runtime_checkable
class DetectingCrop(Crop, Protocol):
    """A crop that detects faces and reports them; called as any crop, it takes face 0."""

    def take(self, pixels: Pixels, size: int, face: int = 0) -> CutFace:
        """Cut out one of the faces in RGB pixels, shape (H, W, 3), with all that were found.

        Parameters
        ----------
        pixels
            The photograph.
        size
            Side of the crop.
        face
            Index of the face among all of them, the largest first; the order is deterministic.

        Raises
        ------
        NoFaceError
            If there is no face.
        FaceChoiceError
            If there are fewer faces; `FoundFaces` raises it.
        """
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
    """Read an image and cut the face out, uint8, shape (size, size, 3): see `cut_face`."""
    return cut_face(image, crop, size, name, most).pixels


def cut_face(
    image: Image,
    crop: Crop,
    size: int,
    name: str | None = None,
    most: int = MAX_PIXELS,
    face: int | None = None,
) -> CutFace:
    """Read an image and cut a face out, together with all faces that were found.

    Parameters
    ----------
    image
        See `lpel_serving.images.reading.read_pixels`.
    crop
        How to cut.
    size
        Side of the result.
    name
        Name of the image in error messages; its path, if it has one, when None.
    most
        Upper bound of the pixels that are decoded.
    face
        Which of the faces that the crop finds, from 0, the largest; the largest when None.

    Raises
    ------
    ImageError
        If the image is unusable, or the crop finds no face in it, or not the requested one.
    ParameterError
        If a face is requested, and the crop detects none.
    """
    called = name or name_of(image)
    check_choice(crop, face, called)
    pixels = read_pixels(image, name, most)
    try:
        cut = _cut(pixels, crop, size, face)
    except (NoFaceError, FaceChoiceError) as error:
        raise type(error)(f"{called}: {error}") from error
    if cut.pixels.shape != (size, size, 3) or cut.pixels.dtype != np.uint8:
        raise ImageError(
            f"the crop gave {cut.pixels.dtype} of shape {cut.pixels.shape}; "
            f"expected uint8 of shape ({size}, {size}, 3)."
        )
    return cut


def check_choice(crop: Crop, face: int | None, name: str) -> None:
    """Raise `ParameterError` if a face is requested, and the crop detects none."""
    if face is not None and not isinstance(crop, DetectingCrop):
        raise ParameterError(
            f"{name}: face {face} was asked for, and this crop looks for no faces: leave the face "
            "out, or choose a crop that finds them, such as mtcnn."
        )


def _cut(pixels: Pixels, crop: Crop, size: int, face: int | None) -> CutFace:
    if isinstance(crop, DetectingCrop):
        return crop.take(pixels, size, face or 0)
    return CutFace(crop(pixels, size))


def parse_crop(text: str) -> Crop:
    """Make the crop that a text names: `none`, a share such as `0.48`, or a plugin's name.

    Plugins are found in the entry-point group `lpel.crops`; `lpel_tf` provides `mtcnn`, which
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


def is_named(crop: Crop, text: str) -> bool:
    """Whether a text names a crop as `parse_crop` reads it; no plugin is loaded."""
    if isinstance(crop, CentreCrop):
        try:
            return crop == CentreCrop(1.0 if text == "none" else float(text))
        except ValueError:  # also ours, of a share that is out of its range
            return False
    made_by = f"{type(crop).__module__}:{type(crop).__qualname__}"
    return any(one.value == made_by for one in entry_points(group="lpel.crops", name=text))


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
