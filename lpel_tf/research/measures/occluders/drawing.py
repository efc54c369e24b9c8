"""Draws an occluder onto a face, and says which pixels it covers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL import ImageDraw

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.mixtures import refuse_shapes
from lpel_tf.research.measures.occluders.shapes import SHAPES, Canvas, Colour

OCCLUDERS = tuple(SHAPES)
_FINE = 4
"""Times as large as the image that shapes are drawn, so that their edges are smooth."""
_CHEEKS = ((0.5, 0.6, 0.22, 0.34), (0.5, 0.6, 0.66, 0.78))
"""Where a face shows its skin: top, bottom, left, right, as shares of the side."""


@dataclass(frozen=True, eq=False)
class Occluded:
    """A face with an occluder.

    Attributes
    ----------
    image
        uint8, shape (S, S, 3).
    covered
        True where the occluder covers at least half of a pixel, bool, shape (S, S).
    """

    image: Pixels
    covered: NDArray[np.bool_]


def occlude(image: Pixels, kind: str, rng: np.random.Generator) -> Occluded:
    """Draw an occluder onto a centred face.

    Parameters
    ----------
    image
        uint8, shape (S, S, 3).
    kind
        One of `OCCLUDERS`.
    rng
        Of its colour, and its place and form within what is usual.

    Raises
    ------
    ParameterError
        If there is no such occluder, or the image is no square crop.
    """
    if kind not in SHAPES:
        raise ParameterError(f"no occluder is called {kind!r}; there are: {', '.join(OCCLUDERS)}.")
    refuse_shapes(image)
    size = len(image)
    picture = pillow.new("RGBA", (size * _FINE, size * _FINE))
    SHAPES[kind](Canvas(ImageDraw.Draw(picture), size * _FINE), _skin(image), rng)
    # Colours are weighted by how much they cover, lest edges turn black as what is transparent.
    layer = np.asarray(picture, np.float64)
    weights = layer[..., 3:] / 255
    share = _shrunk(weights)
    colours = _shrunk(layer[..., :3] * weights) / np.maximum(share, 1e-9)
    mixed = image * (1 - share) + colours * share
    return Occluded(mixed.round().astype(np.uint8), share[..., 0] >= 0.5)


def _shrunk(values: NDArray[np.float64]) -> NDArray[np.float64]:
    side, channels = len(values) // _FINE, values.shape[-1]
    return values.reshape(side, _FINE, side, _FINE, channels).mean(axis=(1, 3))


def _skin(image: Pixels) -> Colour:
    """The median colour of both cheeks."""
    size = len(image)
    parts: list[NDArray[np.uint8]] = []
    for shares in _CHEEKS:
        top, bottom, left, right = (round(one * size) for one in shares)
        parts.append(image[top : bottom + 1, left : right + 1].reshape(-1, 3))
    r, g, b = np.median(np.concatenate(parts), axis=0).round().astype(int).tolist()
    return (r, g, b)
