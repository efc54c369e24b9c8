"""Trains a siamese network on a part of some images, and keeps it as Keras files."""

import json
import os
import secrets
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.images.crops import Crop, as_crop
from lpel_serving.images.datasets.labelled import Data, as_labelled
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.sides import SIDES, SideName, Sides, SplitBy, divide
from lpel_tf.networks.embedders import from_keras
from lpel_tf.networks.example_crops import PARITY_FACES, repeat_crops
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.siamese.evaluation import Evaluation
from lpel_tf.siamese.image_set import ImageSet, read_image_set, shape_of_first
from lpel_tf.siamese.recipe import SiameseRecipe
from lpel_tf.siamese.training import TrainedSiamese, train_siamese

TOWER, HEAD, TRAINING = "tower.keras", "head.keras", "training.json"
"""Files of a trained network."""


@dataclass(frozen=True, eq=False)
class SiameseOnImages:
    """A siamese network, and the images that it was trained on or kept from.

    Attributes
    ----------
    trained
        The network.
    images
        All of them.
    sides
        Which were trained on, stopped the training, or are the test: `lpel_tf.train_bundle` takes
        them as its split.
    evaluation
        How well the network does on the test.
    """

    trained: TrainedSiamese
    images: ImageSet
    sides: Sides
    evaluation: Evaluation

    def on(self, side: SideName) -> ImageSet:
        """The images of a side."""
        return _on(self.images, self.sides, side)

    def export(self, name: str) -> ExportedEmbedder:
        """Export the tower, and check that nothing was lost; see `lpel_tf.from_keras`."""
        crops = repeat_crops(list(self.on("train").pixels[:PARITY_FACES]))
        return from_keras(self.trained.tower, name=name, standardisation="none", faces=crops)

    def to_json(self) -> dict[str, Any]:
        """Give how it was trained, and how well it does, as JSON values."""
        return {
            "recipe": asdict(self.trained.recipe),
            "image_shape": list(self.images.shape),
            "classes": len(self.images.classes.members),
            "images": {side: len(self.on(side)) for side in SIDES},
            "split": self.sides.by,
            "history": [asdict(epoch) for epoch in self.trained.history],
            "best_epoch": self.trained.best_epoch,
            "test": asdict(self.evaluation),
        }


def train_on_images(
    data: Data,
    recipe: SiameseRecipe,
    *,
    crop: str | Crop = "none",
    image_size: ImageSize | None = None,
    split: SplitBy | None = None,
    checkpoint: Path | None = None,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> SiameseOnImages:
    """Divide images, train a small siamese network on a part of them, and measure it on another.

    Parameters
    ----------
    data
        Images with their classes, or an array of images and one of labels.
    recipe
        How to train; its seed divides the images, too.
    crop
        How images are cut out: see `lpel_serving.images.crops.parse_crop`.
    image_size
        Of what the network sees: a side, (H, W), or (H, W, C); the first image's own, grey where
        it has no colours, when None.
    split
        See `lpel_tf.train_bundle`.
    checkpoint
        File that lets an interrupted training go on.
    unusable
        Gathers images that cannot be used.
    progress
        Reports how far it is.

    Raises
    ------
    TrainingDataError
        If there are too few images or classes.
    ImageError, PhotographsError
        If an image, or too many, cannot be used.
    """
    photographs = as_labelled(data)
    shape = _shape(photographs, image_size, unusable)
    images = read_image_set(photographs, as_crop(crop), shape, unusable=unusable, progress=progress)
    sides = divide(images.photographs, images.equal, recipe.seed, split)
    trained = train_siamese(
        _on(images, sides, "train"),
        _on(images, sides, "validation"),
        recipe,
        checkpoint=checkpoint,
        progress=progress,
    )
    measured = trained.evaluate(_on(images, sides, "test"))
    return SiameseOnImages(trained, images, sides, measured)


def save(folder: Path, network: SiameseOnImages) -> None:
    """Write the tower, the head if there is one, and how they were trained, each file whole.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    write_atomically(folder / TRAINING, json.dumps(network.to_json(), indent=1).encode())
    _save_keras(network.trained.tower, folder / TOWER)
    if network.trained.head is not None:
        _save_keras(network.trained.head, folder / HEAD)


def _save_keras(model: Any, path: Path) -> None:
    partial = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")  # Keras looks at the suffix
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy
            model.save(partial)
        os.replace(partial, path)  # noqa: PTH105 - as everywhere a rename puts a file in place
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _shape(
    photographs: Sequence[Any], image_size: ImageSize | None, unusable: Unusable | None
) -> ImageShape:
    if image_size is not None:
        return as_shape(image_size)
    return shape_of_first(photographs, unusable)


def _on(images: ImageSet, sides: Sides, side: SideName) -> ImageSet:
    return images.select(np.array([sides.of[one] == side for one in images.photographs]))
