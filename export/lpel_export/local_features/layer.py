"""A layer of an embedder: a vector of numbers for each place of the image."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Layer:
    """A tensor of an embedder's graph that has a vector of numbers for each place of the image.

    Attributes
    ----------
    name
        Of the tensor.
    channels
        Numbers at each place.
    side
        Places along one side.
    layout
        The order of its axes.
    pixels
        Along one side of the image, of patches alone: see `lpel_export.local_features.patches`.
    """

    name: str
    channels: int
    side: int
    layout: Literal["NCHW", "NHWC"]
    pixels: int = 0
