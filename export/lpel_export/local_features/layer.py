"""A layer of an embedder: a vector of numbers for each place of the image."""

from dataclasses import dataclass
from typing import Literal

from lpel_serving.support.image_shape import ImageShape


@dataclass(frozen=True)
class Layer:
    """A tensor of an embedder's graph that has a vector of numbers for each place of the image.

    Attributes
    ----------
    name
        Of the tensor.
    channels
        Numbers at each place.
    height, width
        Places along its sides.
    layout
        The order of its axes.
    image
        The shape of the image, of patches alone: see `lpel_export.local_features.patches`.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Literal["NCHW", "NHWC"]
    image: ImageShape | None = None

    @property
    def least(self) -> int:
        """Places along its shorter side."""
        return min(self.height, self.width)
