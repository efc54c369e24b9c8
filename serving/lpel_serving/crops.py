"""From a photograph to the square that the embedder sees."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
from PIL import Image as pillow

from lpel_serving.errors import ParameterError, ServingError
from lpel_serving.images import Pixels


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
        Its side as a share of the photograph's shorter side, in (0, 1]; 1 takes all there is.
        LFW's photographs (250 pixels) give the usual 120-pixel face crop with 0.48.
    """

    fraction: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ParameterError(
                f"a centred crop takes a share in (0, 1] of the image, received {self.fraction}."
            )

    def __call__(self, pixels: Pixels, size: int) -> Pixels:
        """Cut the square and resize it; bicubic, antialiased where it shrinks."""
        height, width = pixels.shape[:2]
        side = max(1, round(min(height, width) * self.fraction))
        top, left = (height - side) // 2, (width - side) // 2
        return resize(pixels[top : top + side, left : left + side], size)


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
        return np.ascontiguousarray(pixels)
    image = pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size, size), pillow.Resampling.BICUBIC), dtype=np.uint8)


def decoder_target(crop: Pixels, size: int) -> Pixels:
    """Shrink a face crop to the image that a decoder learns to reconstruct, shape (size, size, 3).

    Each pixel is the mean of the pixels that it covers.
    """
    image = pillow.fromarray(crop).resize((size, size), pillow.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)
