"""Reads a photograph and cuts out of it what the embedder sees."""

import numpy as np

from lpel_serving.images.crops import Crop, CutFace, DetectingCrop
from lpel_serving.images.reading import MAX_PIXELS, Image, name_of, read_pixels
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ImageError, ParameterError
from lpel_serving.support.image_shape import ImageShape


def read_face(
    image: Image, crop: Crop, shape: ImageShape, name: str | None = None, most: int = MAX_PIXELS
) -> Pixels:
    """Read an image and cut the face out, uint8, of a shape: see `cut_face`."""
    return cut_face(image, crop, shape, name, most).pixels


def cut_face(
    image: Image,
    crop: Crop,
    shape: ImageShape,
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
    shape
        Of the result; with one channel the image is read as luminance.
    name
        Name of the image in error messages; its path, if it has one, when None.
    most
        Upper bound of the pixels that are decoded.
    face
        Which of the faces that the crop finds, from 0, the largest; the largest when None.

    Raises
    ------
    ImageError
        If the image is unusable, or the crop refuses it, finds no face in it, or not the requested
        one.
    ParameterError
        If a face is requested, and the crop detects none.
    """
    called = name or name_of(image)
    check_choice(crop, face, called)
    pixels = read_pixels(image, name, most, channels=shape.channels)
    try:
        cut = _cut(pixels, crop, shape, face)
    except ImageError as error:
        raise type(error)(f"{called}: {error}") from error
    if cut.pixels.shape != shape or cut.pixels.dtype != np.uint8:
        raise ImageError(
            f"the crop gave {cut.pixels.dtype} of shape {cut.pixels.shape}; "
            f"expected uint8 of shape {tuple(shape)}."
        )
    return cut


def check_choice(crop: Crop, face: int | None, name: str) -> None:
    """Raise `ParameterError` if a face is requested, and the crop detects none."""
    if face is not None and not isinstance(crop, DetectingCrop):
        raise ParameterError(
            f"{name}: face {face} was asked for, and this crop looks for no faces: leave the face "
            "out, or choose a crop that finds them, such as mtcnn."
        )


def _cut(pixels: Pixels, crop: Crop, shape: ImageShape, face: int | None) -> CutFace:
    if isinstance(crop, DetectingCrop):
        return crop.take(pixels, shape, face or 0)
    return CutFace(crop(pixels, shape))
