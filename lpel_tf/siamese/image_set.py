"""The images that a siamese network is trained on, in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.crops import Crop
from lpel_serving.images.cutting import read_face
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import Unusable, note
from lpel_serving.images.held import content_of
from lpel_serving.images.reading import read_pixels
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ImageError, NoFaceError
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.siamese.drawing import Classes
from lpel_tf.support.errors import TrainingDataError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their classes.

    Attributes
    ----------
    pixels
        uint8, shape (N, H, W, C).
    photographs
        What each was cut out of.
    """

    pixels: Pixels
    photographs: tuple[Labelled, ...]

    def __len__(self) -> int:
        return len(self.photographs)

    @property
    def shape(self) -> ImageShape:
        """Height, width and channels of the images."""
        return ImageShape(*self.pixels.shape[1:])

    @property
    def classes(self) -> Classes:
        """Which images are of which class; see `lpel_tf.siamese.drawing.Classes.of`."""
        return Classes.of([one.identity for one in self.photographs])

    @property
    def equal(self) -> NDArray[np.int64]:
        """The same number for equal images, from 0, shape (N,)."""
        hashes = [hashlib.sha256(one.tobytes()).digest() for one in self.pixels]
        numbers = {one: number for number, one in enumerate(sorted(set(hashes)))}
        return np.array([numbers[one] for one in hashes], np.int64)

    def select(self, chosen: NDArray[np.bool_]) -> "ImageSet":
        """Keep the images that a mask of shape (N,) chooses."""
        return ImageSet(self.pixels[chosen], tuple(compress(self.photographs, chosen)))


def shape_of_first(photographs: Sequence[Labelled], unusable: Unusable | None = None) -> ImageShape:
    """Give the shape of the first usable image: of one channel where it has no colours.

    Raises
    ------
    TrainingDataError
        If there is none.
    ImageError
        If it cannot be used, and nothing gathers those that cannot.
    """
    for one in photographs:
        try:
            pixels = read_pixels(content_of(one.source), str(one.source))
        except ImageError as error:
            note(unusable, one.source, error)
            continue
        grey = pixels.shape[2] == 1 or bool((pixels == pixels[..., :1]).all())
        height, width = pixels.shape[:2]
        return ImageShape(height, width, 1 if grey else 3)
    raise TrainingDataError("no image can be used: look whether these are the images meant.")


def read_image_set(
    photographs: Sequence[Labelled],
    crop: Crop,
    shape: ImageShape,
    *,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> ImageSet:
    """Read images and cut them out; those in which the crop finds nothing are left out.

    Parameters
    ----------
    photographs
        The images.
    crop, shape
        How to cut, and to what shape.
    unusable
        Gathers images that cannot be used; without it the first one is an error.
    progress
        Reports how far it is.

    Raises
    ------
    TrainingDataError
        If none is left.
    ImageError, PhotographsError
        If an image, or too many, cannot be used.
    """
    kept: list[Labelled] = []
    pixels: list[Pixels] = []
    with progress("reading images", len(photographs)) as advance:
        for one in photographs:
            try:
                pixels.append(read_face(content_of(one.source), crop, shape, str(one.source)))
                kept.append(one)
            except NoFaceError:
                pass
            except ImageError as error:
                note(unusable, one.source, error)
            advance(1)
    if unusable is not None:
        unusable.check(one.source for one in photographs)
    if not kept:
        raise TrainingDataError(
            f"of {len(photographs)} images none can be used: look whether these are the images "
            "meant, and whether the crop is right."
        )
    return ImageSet(np.stack(pixels), tuple(kept))
