"""Reads untrusted images: formats, size limits, rotation, conversion to RGB or to luminance."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from lpel_serving.images.cost import is_costly
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    UnreadableImageError,
)
from lpel_serving.support.pictures import to_pixels

Image = str | Path | bytes | pillow.Image | Pixels
"""What the engine accepts as an image: a path, a file's bytes, a Pillow image, or pixels."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM")
"""Supported formats, detected by content, never by file name."""

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000

_SLIPS = (struct.error, zlib.error, LookupError, TypeError, ArithmeticError)
"""Exceptions that Pillow raises on malformed or hostile files."""

_STRIP_PIXELS = 2**20
"""Pixels converted at a time: each step makes a copy, which for a whole photograph is large."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: pillow.Transpose.FLIP_LEFT_RIGHT,
    3: pillow.Transpose.ROTATE_180,
    4: pillow.Transpose.FLIP_TOP_BOTTOM,
    5: pillow.Transpose.TRANSPOSE,
    6: pillow.Transpose.ROTATE_270,
    7: pillow.Transpose.TRANSVERSE,
    8: pillow.Transpose.ROTATE_90,
}


def read_pixels(
    image: Image, name: str | None = None, most: int = MAX_PIXELS, *, channels: int = 3
) -> Pixels:
    """Turn an image into upright 8-bit pixels, RGB or grey.

    EXIF rotation is applied, 16-bit grey is scaled to 8 bits, CMYK is converted and transparency
    is laid on white. Colours become grey by their luminance (ITU-R 601-2, as in Pillow's "L").
    The size is checked before anything is decoded.

    Parameters
    ----------
    image
        A path, the bytes of a file, a Pillow image, or pixels: uint8, RGB of shape (H, W, 3), or
        grey of shape (H, W) or (H, W, 1).
    name
        Its name in error messages; its path, if it has one, when None.
    most
        Upper bound of the pixels; a larger image is refused without decoding it.
    channels
        3 for RGB, 1 for grey.

    Returns
    -------
    NDArray[np.uint8]
        Shape (H, W, channels).

    Raises
    ------
    ImageError
        If it cannot be read, is in none of the formats above, is truncated, animated, larger than
        `most` pixels or crafted to take long, or is an array of another shape or type.
    """
    if isinstance(image, np.ndarray):
        return _in_channels(_check_array(image, name), channels)
    return _in_channels(_decode(image, name or name_of(image), most), channels)


def _decode(image: str | Path | bytes | pillow.Image, name: str, most: int) -> Pixels:
    """Decode an image that is no array, shape (H, W, 3); errors as `read_pixels`."""
    data = image if isinstance(image, bytes | pillow.Image) else read_bytes(Path(image))
    try:
        if isinstance(data, pillow.Image):
            return _to_rgb(data, name, most)
        if is_costly(data):
            raise ImageError(
                f"{name} would take far too long to decode for what it shows: save it again."
            )
        with pillow.open(io.BytesIO(data), formats=FORMATS) as opened:
            return _to_rgb(opened, name, most)
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise ImageError(_too_large(name, most)) from error
    except pillow.UnidentifiedImageError as error:
        formats = ", ".join(FORMATS)
        raise NotAnImageError(
            f"{name} is not an image: expected one of {formats} by content."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, *_SLIPS) as error:
        if isinstance(error, ImageError):
            raise
        raise DamagedImageError(
            f"{name} is damaged or truncated and cannot be decoded: {error}"
        ) from error


def is_image(path: Path) -> bool:
    """Whether a file's first bytes are those of a supported format, whatever its name.

    Raises
    ------
    UnreadableImageError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _begins_as_image(file)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise UnreadableImageError(f"{path} cannot be read: {reason}.") from error


def _begins_as_image(file: BinaryIO) -> bool:
    file.read(1)  # a disk error is raised here, not taken for a format error
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an image that is too large is an image too
            with pillow.open(file, formats=FORMATS):
                return True
    except pillow.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError, EOFError, *_SLIPS):
        return False


def name_of(image: Image) -> str:
    """Name an image in an error message: by its path, if it has one."""
    return str(image) if isinstance(image, str | Path) else "the image"


def read_bytes(path: Path) -> bytes:
    """Read an image file, at most 64 MiB, whatever size it claims to have.

    Raises
    ------
    ImageError
        If there is no such file, it may not be read, or it is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise UnreadableImageError(f"{path} cannot be read: {reason}.") from error
    if len(data) > MAX_BYTES:
        raise UnreadableImageError(f"{path} is too large: at most {MAX_BYTES:,} bytes are read.")
    return data


def _check_array(pixels: NDArray[np.generic], name: str | None) -> Pixels:
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3))
    if pixels.dtype != np.uint8 or not fits or pixels.size == 0:
        raise ImageError(
            f"{name or 'the array'}: expected pixels as uint8, RGB of shape (H, W, 3) or grey of "
            f"shape (H, W), received {pixels.dtype} of shape {pixels.shape}; scale to 0..255 and "
            "convert first."
        )
    return np.ascontiguousarray(pixels, dtype=np.uint8).reshape(*pixels.shape[:2], -1)


def _in_channels(pixels: Pixels, channels: int) -> Pixels:
    """Turn pixels, RGB or grey, into RGB (3 channels) or luminance (1)."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return to_pixels(pillow.fromarray(pixels).convert("L"))


def _to_rgb(image: pillow.Image, name: str, most: int) -> Pixels:
    if image.width * image.height > most:
        raise ImageError(_too_large(name, most))
    if image.width * image.height == 0:
        raise ImageError(f"{name} is empty: it has no pixels.")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise ImageError(f"{name} is animated: expected a single picture.")
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    # Not ImageOps.exif_transpose: it rewrites the EXIF, and fails where a tag is invalid.
    upright = image if turn is None else image.transpose(turn)
    if upright.mode == "F":
        raise ImageError(f"{name} holds floating-point pixels: expected 8 or 16 bits; convert it.")
    pixels = np.empty((upright.height, upright.width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // upright.width)
    for top in range(0, upright.height, rows):
        bottom = min(top + rows, upright.height)
        strip = upright.crop((0, top, upright.width, bottom))
        pixels[top:bottom] = _strip_to_rgb(strip, transparent=upright.has_transparency_data)
    return pixels


def _strip_to_rgb(strip: pillow.Image, *, transparent: bool) -> NDArray[np.uint8]:
    if strip.mode.startswith("I"):
        return _scale_16_bits(strip)[:, :, np.newaxis]
    if transparent:
        coloured = strip.convert("RGBA")
        white = pillow.new("RGBA", coloured.size, "white")
        strip = pillow.alpha_composite(white, coloured)
    return np.asarray(strip.convert("RGB"), dtype=np.uint8)


def _scale_16_bits(image: pillow.Image) -> NDArray[np.uint8]:
    # Pillow's own conversion clips: every value above 255 would become white.
    wide = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
    return ((wide + 128) // 257).astype(np.uint8)


def _too_large(name: str, most: int) -> str:
    return f"{name} is too large: at most {most:,} pixels are decoded; make it smaller."
