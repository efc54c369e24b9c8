"""Images with their classes, in files or in arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpel_serving.images.held import HeldImage, Photograph
from lpel_serving.support.errors import ImageError, ParameterError


class Labelled(Protocol):
    """An image with its class, such as `lpel_serving.images.datasets.faces.Face`."""

    @property
    def source(self) -> Photograph:
        """Where its bytes come from."""
        ...

    @property
    def identity(self) -> str:
        """Its class: the person, the digit, the signature's owner."""
        ...


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image, in memory or in a file, and its class."""

    source: Photograph
    identity: str


Data = Sequence[Labelled] | tuple[ArrayLike, ArrayLike]
"""What a training takes: images with their classes, or an array of images and one of labels."""


def as_labelled(data: Data) -> tuple[Labelled, ...]:
    """Take images with their classes as they are, and two arrays as `from_arrays` does."""
    match data:
        case (images, labels) if hasattr(images, "__array__"):
            return from_arrays(cast("ArrayLike", images), cast("ArrayLike", labels))
        case _:
            return tuple(cast("Sequence[Labelled]", data))


def from_arrays(
    images: ArrayLike, labels: ArrayLike, name: str = "the array"
) -> tuple[LabelledImage, ...]:
    """Give every image of an array its class; no pixel is copied, and nothing written to disk.

    Parameters
    ----------
    images
        uint8, 0 to 255, shape (N, H, W) or (N, H, W, 1), grey, or (N, H, W, 3), RGB.
    labels
        Whole numbers or names, shape (N,) or (N, 1); names in bytes are UTF-8.
    name
        What messages call the images together.

    Raises
    ------
    ImageError, ParameterError
        If the images or the labels are something else.
    """
    pixels = _checked_images(np.asarray(images))
    classes = _checked_labels(np.asarray(labels), len(pixels))
    return tuple(
        LabelledImage(HeldImage(one, f"image {place} of {name}"), label)
        for place, (one, label) in enumerate(zip(pixels, classes, strict=True))
    )


def _checked_images(images: NDArray[Any]) -> NDArray[np.uint8]:
    grey = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 1)
    colour = images.ndim == 4 and images.shape[3] == 3
    if images.dtype == np.uint8 and (grey or colour) and images.size:
        return images.reshape(images.shape[:3]) if grey else images
    advice = "`images.reshape(-1, height, width)` makes images of flat rows"
    if np.issubdtype(images.dtype, np.floating):
        advice = "if they lie in 0..1, `(images * 255).round().astype('uint8')` makes it so"
    elif images.dtype != np.uint8:
        advice = "`images.astype('uint8')` makes it so where all lie in 0..255"
    elif images.ndim == 4 and images.shape[1] in (1, 3):
        advice = "`images.transpose(0, 2, 3, 1)` puts the channels last"
    elif not images.size:
        advice = "give an array that is not empty"
    raise ImageError(
        "expected images as uint8, 0 to 255, of shape (N, H, W), (N, H, W, 1) or (N, H, W, 3); "
        f"received {images.dtype} of shape {images.shape}: {advice}."
    )


def _checked_labels(labels: NDArray[Any], n: int) -> list[str]:
    if labels.shape not in ((n,), (n, 1)) or labels.dtype.kind not in "iubUSO":
        raise ParameterError(
            f"expected a label for each of {n} images, whole numbers or names of shape ({n},); "
            f"received {labels.dtype} of shape {labels.shape}: {_advice(labels, n)}."
        )
    return [_name(labels, place) for place in range(n)]


def _advice(labels: NDArray[Any], n: int) -> str:
    if labels.shape in ((n,), (n, 1)):
        if np.issubdtype(labels.dtype, np.floating):
            return "`labels.astype(int)` makes numbers of them where all are whole"
        return "`labels.astype(str)` makes names of them"
    if labels.ndim == 2 and len(labels) == n and labels.dtype.kind in "iubf":
        return "`labels.argmax(axis=1)` turns one-hot rows into numbers"
    return "give one label for each image"


def _name(labels: NDArray[Any], place: int) -> str:
    """The name of a class, which files and pages can hold."""
    try:
        label = labels.item(place)
        name = label.decode() if isinstance(label, bytes) else str(label)
        name.encode()
    except (UnicodeError, SystemError) as error:  # NumPy makes no text of what is beyond Unicode
        advice = "give names that can be written to a file"
        if labels.dtype.kind == "S":
            advice = "`np.char.decode(labels, 'latin1')`, or what they are in, makes names of them"
        raise ParameterError(f"label {place} is no text in UTF-8: {advice}.") from error
    if not name:
        raise ParameterError(f"label {place} is empty: give each image the name of its class.")
    return name
