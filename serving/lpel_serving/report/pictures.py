"""Heat-maps, overlays and masks as pixels, by numpy and Pillow alone."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.pictures import to_picture

FOR, AGAINST = (200, 16, 46), (31, 111, 180)
"""Red speaks for the decision, blue against it."""

STRONGEST = 0.85
"""Opacity of the strongest colour laid over a face, which stays visible under it."""

COARSE = 16
"""A map of at most so many values along a side is drawn as the squares that were asked about."""

_PALE = 0.3
"""Brightness that is left outside the mask."""

Strengths = NDArray[np.float32]


def heat_map_picture(heat_map: NDArray[np.float32]) -> Pixels:
    """Colour a heat-map: white is 0, the full colour the value farthest from it in this very map.

    Parameters
    ----------
    heat_map
        float32, shape (H, W), finite.

    Returns
    -------
    NDArray[np.uint8]
        A pixel for each value, shape (H, W, 3).
    """
    strengths = _strengths(heat_map)
    white = np.full((*heat_map.shape, 3), 255, np.float32)
    return _blend(white, _colours(strengths), np.abs(strengths))


def overlay(crop: Pixels, heat_map: NDArray[np.float32], opacity: float = STRONGEST) -> Pixels:
    """Lay a heat-map over the face in grey: in squares if it is coarse, else smoothly enlarged.

    Parameters
    ----------
    crop
        What the embedder saw, uint8, shape (H, W, C).
    heat_map
        float32, shape (H, W), finite, of any size.
    opacity
        Of the value farthest from 0, in [0, 1]; of the others in proportion.

    Returns
    -------
    NDArray[np.uint8]
        In RGB, as large as the crop.
    """
    size = (crop.shape[1], crop.shape[0])
    # Enlarged as numbers and coloured afterwards: colours would meet in purple, not in nothing.
    strengths = _strengths(heat_map)
    way = pillow.Resampling.BICUBIC if max(heat_map.shape) > COARSE else pillow.Resampling.NEAREST
    drawn = pillow.fromarray(strengths).resize(size, way)
    # Beside a peak a cubic swings to the other side, where nothing speaks.
    strengths = np.clip(np.asarray(drawn, np.float32), strengths.min(), strengths.max())
    return _blend(_grey(crop), _colours(strengths), np.float32(opacity) * np.abs(strengths))


def mask_picture(crop: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Show a face in its colours where a mask marks it, and the rest pale and grey.

    Parameters
    ----------
    crop
        uint8, shape (H, W, C).
    mask
        bool, shape (H, W), of any size: it is enlarged pixel by pixel.

    Returns
    -------
    NDArray[np.uint8]
        In RGB, as large as the crop.
    """
    pale = 255 + _PALE * (_grey(crop) - 255)
    return _blend(pale, in_colour(crop).astype(np.float32), enlarged(mask, crop).astype(np.float32))


def enlarged(mask: NDArray[np.bool_], image: Pixels) -> NDArray[np.bool_]:
    """Enlarge a mask of any size to that of an image, pixel by pixel: bool, shape (H, W)."""
    size = (image.shape[1], image.shape[0])
    picture = pillow.fromarray(mask.astype(np.uint8)).resize(size, pillow.Resampling.NEAREST)
    return np.asarray(picture, np.bool_)


def displayable(reconstruction: NDArray[np.float32]) -> Pixels:
    """Clip reconstructions, float32 in about [0, 1], shape (..., H, W, C), to a screen's 8 bits."""
    return (np.clip(reconstruction, 0, 1) * 255).round().astype(np.uint8)


def in_colour(pixels: Pixels) -> Pixels:
    """Give grey pixels the three channels of RGB, in which they still look grey."""
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def png(pixels: Pixels) -> bytes:
    """Write pixels, RGB or grey, as a PNG file: the same ones give the same bytes."""
    buffer = io.BytesIO()
    to_picture(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _strengths(heat_map: NDArray[np.float32]) -> Strengths:
    """Divide by the value farthest from 0, so that all lie in [-1, 1]."""
    values = heat_map.astype(np.float64)  # in which the smallest float32 still divides
    most = float(np.abs(values).max(initial=0))
    return (values / (most or 1)).astype(np.float32)


def _colours(strengths: Strengths) -> NDArray[np.float32]:
    """The colour of each sign, shape (H, W, 3)."""
    return np.where((strengths < 0)[..., np.newaxis], AGAINST, FOR).astype(np.float32)


def _grey(crop: Pixels) -> NDArray[np.float32]:
    return np.asarray(to_picture(crop).convert("L").convert("RGB"), np.float32)


def _blend(under: NDArray[np.float32], over: NDArray[np.float32], opacity: Strengths) -> Pixels:
    """Lay one picture over another, opacity in [0, 1], shape (H, W)."""
    return (under + opacity[..., np.newaxis] * (over - under)).round().astype(np.uint8)
