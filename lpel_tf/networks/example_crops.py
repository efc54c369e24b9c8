"""Example crops on which an exported network is compared with its original."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.images.crops import Crop, as_crop
from lpel_serving.images.cutting import read_face
from lpel_serving.images.datasets.labelled import Data, as_labelled
from lpel_serving.images.datasets.passed_over import Unusable, note
from lpel_serving.images.held import content_of
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ImageError, NoFaceError
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.support.errors import TrainingDataError

PARITY_FACES = 33


def example_crops(
    faces: Data, crop: str | Crop, image_size: ImageSize, unusable: Unusable | None = None
) -> NDArray[np.uint8]:
    """Cut the first faces out of photographs, to compare an exported network on.

    Parameters
    ----------
    faces
        Photographs, or an array of images and one of labels.
    crop
        See `lpel_serving.images.crops.parse_crop`; or one of one's own.
    image_size
        Of the crops: a side, (H, W), or (H, W, C) with 3 channels or 1.
    unusable
        Gathers photographs that cannot be used; without it the first one is an error.

    Returns
    -------
    NDArray[np.uint8]
        Shape (33, H, W, C).

    Raises
    ------
    TrainingDataError
        If no photograph shows a face.
    PhotographsError
        If none does and too many cannot be used.
    """
    cut, shape = as_crop(crop), as_shape(image_size)
    crops: list[Pixels] = []
    photographs = [face.source for face in as_labelled(faces)]
    for photograph in photographs:
        try:
            crops.append(read_face(content_of(photograph), cut, shape, str(photograph)))
        except NoFaceError:
            continue
        except ImageError as error:
            note(unusable, photograph, error)
        if len(crops) == PARITY_FACES:
            break
    if not crops:
        if unusable is not None:
            unusable.check(photographs)
        raise TrainingDataError("no photograph shows a face that the crop can find.")
    return repeat_crops(crops)


def repeat_crops(crops: Sequence[Pixels]) -> NDArray[np.uint8]:
    """Repeat crops until there are enough to compare networks at a large batch size."""
    return np.stack([crops[i % len(crops)] for i in range(PARITY_FACES)])


def as_crops(
    faces: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], shape: ImageShape
) -> NDArray[np.uint8]:
    """Take an array of crops, or a list of them, as an array, uint8, shape (N, H, W, C).

    Grey ones may lack the last axis.

    Raises
    ------
    ImageError
        If they are something else.
    """
    expected = f"expected face crops as uint8, 0 to 255, shape {('N', *shape)}; received"
    advice = "`example_crops` cuts such out of photographs."
    try:
        crops = np.asarray(faces)
    except ValueError as error:
        raise ImageError(f"{expected} some of different shapes: {advice}") from error
    if shape.channels == 1 and crops.ndim == 3:
        crops = crops[..., np.newaxis]
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != shape:
        raise ImageError(f"{expected} {crops.dtype} of shape {crops.shape}: {advice}")
    return crops
