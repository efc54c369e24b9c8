"""Baselines (fills): what hidden superpixels are replaced by (sections 2.2.2 and 4.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFilter

from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import within
from lpel_serving.support.pictures import to_picture, to_pixels

FillName = Literal["normal", "uniform", "grey", "black", "white", "mean", "blur"]
FILLS: tuple[FillName, ...] = get_args(FillName)
TRANSPLANT = "transplant"
"""What stands for a fill where superpixels become another image's own at the same place."""
DEFAULT_VARIANCE = 0.09
"""A standard deviation of 0.3; the thesis names no value."""
_BLUR = 1 / 8


@dataclass(frozen=True)
class Fill:
    """The baseline that replaces hidden parts of an image.

    Attributes
    ----------
    name
        ``normal``: noise of mean 0, as in the thesis, on pixels in [0, 1], clipped there: mostly
        dark. ``uniform``: noise over [0, 1], as in Samek et al. ``grey``, ``black`` and ``white``:
        0.5, 0 or 1 everywhere; on white paper black is ink, and white hides it. ``mean``: the
        image's mean colour. ``blur``: the image itself, blurred by a Gaussian with an eighth of
        its shorter side as the standard deviation.
    variance
        Of the normal noise.
    grain
        Longer side, in pixels, at which noise is drawn before it is enlarged: that of the
        decoder's images.
    """

    name: FillName = "normal"
    variance: float = DEFAULT_VARIANCE
    grain: int = 40

    def __post_init__(self) -> None:
        if self.name not in FILLS:
            raise ParameterError(f"no fill is called {self.name!r}; there are: {', '.join(FILLS)}.")
        if not 0 < self.variance < np.inf:
            raise ParameterError(f"the variance of noise is above 0; received {self.variance}.")
        if self.grain < 1:
            raise ParameterError(f"noise needs at least 1 pixel; received {self.grain}.")

    @property
    def random(self) -> bool:
        """Whether two draws differ."""
        return self.name in {"normal", "uniform"}

    def __call__(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """Make what replaces hidden superpixels: uint8, of the shape of `image`, (H, W, C)."""
        match self.name:
            case "normal":
                noise = rng.normal(0, np.sqrt(self.variance), within(image.shape, self.grain))
                return _enlarge(np.clip(noise, 0, 1), image.shape)
            case "uniform":
                return _enlarge(rng.uniform(0, 1, within(image.shape, self.grain)), image.shape)
            case "grey":
                return np.full_like(image, 128)
            case "black":
                return np.zeros_like(image)
            case "white":
                return np.full_like(image, 255)
            case "mean":
                colour = image.mean(axis=(0, 1)).round().astype(np.uint8)
                return np.broadcast_to(colour, image.shape).copy()
            case "blur":
                radius = min(image.shape[:2]) * _BLUR
                return to_pixels(to_picture(image).filter(ImageFilter.GaussianBlur(radius)))


def _enlarge(noise: NDArray[np.float64], shape: Sequence[int]) -> Pixels:
    down, across = (
        np.arange(length) * grains // length
        for length, grains in zip(shape[:2], noise.shape[:2], strict=True)
    )
    return (noise[down[:, np.newaxis], across] * 255).round().astype(np.uint8)
