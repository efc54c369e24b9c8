"""Crops: from a photograph to the image that the embedder sees, of the embedder's own shape."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lpel_serving.images.found import FoundFaces
from lpel_serving.images.resizing import resize
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ImageError, ParameterError, ServingError
from lpel_serving.support.image_shape import ImageShape

LEAST_SHARE = 0.01
"""Least share of a photograph that a centred crop takes: a smaller one is a typing error."""
LEAST_SIDE = 4
"""Least side of a centred crop, in pixels: a smaller one shows no face."""


class Crop(Protocol):
    """Makes a photograph into an image of the embedder's shape; any callable of this kind does."""

    def __call__(self, pixels: Pixels, shape: ImageShape, /) -> Pixels:
        """Turn pixels, uint8, (H, W, C), into a crop of a shape, whose channels are the same."""
        ...


@dataclass(frozen=True, eq=False)
class CutFace:
    """A face that was cut out of a photograph.

    Attributes
    ----------
    pixels
        The crop, uint8, of the embedder's shape.
    found
        The faces that were detected, and which one this is; None where the crop detects none.
    """

    pixels: Pixels
    found: FoundFaces | None = None


@runtime_checkable
class DetectingCrop(Crop, Protocol):
    """A crop that detects faces and reports them; called as any crop, it takes face 0."""

    def take(self, pixels: Pixels, shape: ImageShape, face: int = 0) -> CutFace:
        """Cut out one of the faces in a photograph, with all that were found.

        Parameters
        ----------
        pixels
            The photograph, shape (H, W, C).
        shape
            Of the crop.
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
class WholeImage:
    """The crop `none`: the photograph as it is, which has the embedder's proportions already.

    It is resized if it has another size, and never cut: of other proportions it is refused. A
    difference of less than one pixel, of the photograph or of what the network takes, is what
    whole numbers of pixels leave, and is stretched away.
    """

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Resize the photograph; bicubic, antialiased where it shrinks.

        Raises
        ------
        ImageError
            If its proportions differ from the shape's by a pixel or more.
        """
        height, width = pixels.shape[:2]
        apart = abs(height * shape.width - width * shape.height)
        # For a square of 160, 1000 by 1003 is apart by 480: less than 1003, half a pixel of 160.
        if apart >= max(height, width, *shape[:2]):
            raise ImageError(
                f"the picture has {width} by {height} pixels, the network takes {shape.width} by "
                f"{shape.height}, and the crop none cuts nothing off: choose the crop pad, which "
                "adds margins, stretch, which distorts, or a share of the picture such as 1."
            )
        return resize(pixels, shape)


@dataclass(frozen=True)
class CentreCrop:
    """The box in the middle of a photograph, in the proportions of the embedder's images.

    Attributes
    ----------
    fraction
        Its size as a share of the largest such box, in [0.01, 1]. LFW's photographs (250 pixels)
        give the usual 120-pixel face crop with 0.48.

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

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Cut the box and resize it; bicubic, antialiased where it shrinks.

        Raises
        ------
        ImageError
            If a side of the share is less than 4 pixels.
        """
        height, width = pixels.shape[:2]
        largest = (
            min(height, width * shape.height / shape.width),
            min(width, height * shape.width / shape.height),
        )
        high, wide = (max(1, round(side * self.fraction)) for side in largest)
        if min(high, wide) < LEAST_SIDE and self.fraction < 1:
            raise ImageError(
                f"the middle {self.fraction:.2g} of {width} by {height} pixels has a side of "
                f"{min(high, wide)}; expected at least {LEAST_SIDE}: give a larger picture or "
                "share."
            )
        top, left = (height - high) // 2, (width - wide) // 2
        return resize(pixels[top : top + high, left : left + wide], shape)


@dataclass(frozen=True)
class Pad:
    """The whole photograph in its own proportions, with margins where the embedder's differ.

    The margins have the photograph's mean colour, which makes the crop neither brighter nor darker
    than the photograph: white paper stays nearly white, and the ground of a digit nearly black.
    """

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Resize the photograph until it fits, and put it in the middle."""
        height, width = pixels.shape[:2]
        scale = min(shape.height / height, shape.width / width)
        high = min(max(1, round(height * scale)), shape.height)
        wide = min(max(1, round(width * scale)), shape.width)
        colour = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
        padded: Pixels = np.broadcast_to(colour, (*shape[:2], len(colour))).copy()
        top, left = (shape.height - high) // 2, (shape.width - wide) // 2
        inner = resize(pixels, ImageShape(high, wide, shape.channels))
        padded[top : top + high, left : left + wide] = inner
        return padded


@dataclass(frozen=True)
class Stretch:
    """The whole photograph, brought to the embedder's shape: other proportions are distorted."""

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Resize the photograph; bicubic, antialiased where it shrinks."""
        return resize(pixels, shape)


PLAIN_CROPS: dict[str, Crop] = {"none": WholeImage(), "pad": Pad(), "stretch": Stretch()}
"""The crops without a parameter."""


def parse_crop(text: str) -> Crop:
    """Make the crop that a text names: `none`, `pad`, `stretch`, a share, or a plugin's name.

    A share such as `0.48` takes the middle. Plugins are found in the entry-point group
    `lpel.crops`; `lpel_tf` provides `mtcnn`, which detects the face and aligns it.

    Raises
    ------
    ParameterError
        If the text names no crop.
    MissingExtraError
        If what the plugin needs is not installed.
    """
    if text in PLAIN_CROPS:
        return PLAIN_CROPS[text]
    plugins = {plugin.name: plugin for plugin in entry_points(group="lpel.crops")}
    if text in plugins:
        return plugins[text].load()()
    try:
        return CentreCrop(float(text))
    except ServingError:
        raise
    except ValueError as error:
        names = ", ".join([*PLAIN_CROPS, "a share such as 0.48", *sorted(plugins)])
        raise ParameterError(f"no crop is called {text!r}; there are: {names}.") from error


def as_crop(crop: Crop | str) -> Crop:
    """Return a crop as it is, or the one that a text names: see `parse_crop`."""
    return parse_crop(crop) if isinstance(crop, str) else crop


def is_named(crop: Crop, text: str) -> bool:
    """Whether a text names a crop as `parse_crop` reads it; no plugin is loaded."""
    if text in PLAIN_CROPS:
        return crop == PLAIN_CROPS[text]
    if isinstance(crop, CentreCrop):
        try:
            return crop == CentreCrop(float(text))
        except ValueError:  # also ours, of a share that is out of its range
            return False
    return any(one.value == made_by(crop) for one in entry_points(group="lpel.crops", name=text))


def own_name(crop: Crop) -> str | None:
    """Name a crop that is no plugin; None for one that is, or may be."""
    if isinstance(crop, CentreCrop):
        return str(crop.fraction)
    return next((name for name, one in PLAIN_CROPS.items() if one == crop), None)


def is_known(crop: Crop) -> bool:
    """Whether a crop's name says all of it: one without a parameter, a share, or a plugin."""
    maker = made_by(crop)
    plugin = any(one.value == maker for one in entry_points(group="lpel.crops"))
    return own_name(crop) is not None or plugin


def made_by(crop: Crop) -> str:
    """Name the class of a crop, or the function that it is, as an entry point does."""
    kind: Any = crop if hasattr(crop, "__qualname__") else type(crop)
    return f"{kind.__module__}:{kind.__qualname__}"
