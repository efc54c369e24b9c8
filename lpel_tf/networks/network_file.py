"""A network of one's own from its file: Keras' or ONNX."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption.preparation import Channels, Layout
from lpel_export.conversion.keras_networks import find_shape
from lpel_export.conversion.standardisation import find_standardisation
from lpel_export.support.errors import ModelShapeError, reason_of
from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.networks.embedders import from_keras, from_onnx
from lpel_tf.networks.exported import ExportedEmbedder

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True)
class NetworkFile:
    """The file of a network, and how that network wants its images.

    Attributes
    ----------
    path
        A Keras file or an ONNX file, by its suffix.
    name
        What the bundle will call it; the file's name without suffix when None.
    image_size
        Of its images: a side, (H, W), or (H, W, C); when None, what a Keras model declares.
    standardisation
        For Keras; see `lpel_tf.networks.embedders.from_keras`.
    mean, scale, layout, channels, output
        For ONNX; see `lpel_tf.networks.embedders.from_onnx`.

    Raises
    ------
    ParameterError
        If the file is missing or of neither kind, or something is not said that has to be.
    StandardisationError
        If there is no such standardisation.
    """

    path: Path
    name: str | None = None
    image_size: ImageSize | None = None
    standardisation: str | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    layout: Layout = "NCHW"
    channels: Channels = "RGB"
    output: str | None = None

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise ParameterError(f"there is no file {self.path} of a network.")
        if not (self.is_keras or self.path.suffix.lower() == ONNX_SUFFIX):
            raise ParameterError(
                f"{self.path.name} is no file of a network by its suffix: expected "
                f"{', '.join(KERAS_SUFFIXES)} for Keras, or {ONNX_SUFFIX}."
            )
        needed = {"standardisation": self.standardisation}
        if not self.is_keras:
            needed = {"image-size": self.image_size, "mean": self.mean, "scale": self.scale}
        missing = [f"--{option}" for option, value in needed.items() if value is None]
        if missing:
            raise ParameterError(
                f"how {self.path.name} wants its pixels has to be said: give "
                f"{' and '.join(missing)}, as in its training."
            )
        if self.standardisation is not None:
            find_standardisation(self.standardisation)

    @property
    def is_keras(self) -> bool:
        """Whether it is a Keras file, not one of ONNX."""
        return self.path.suffix.lower() in KERAS_SUFFIXES


def from_file(
    file: NetworkFile,
    faces: Callable[[ImageShape], NDArray[np.uint8]],
    *,
    progress: Progress = silent,
) -> ExportedEmbedder:
    """Export the network of a file, and check that nothing was lost.

    Parameters
    ----------
    file
        The file.
    faces
        Called for real crops of a given shape: uint8, shape (N, H, W, C).
    progress
        Reports when the export begins and is done.

    Raises
    ------
    ModelShapeError
        If Keras cannot load the file in its safe mode, in which nothing of it is executed, or the
        network does not map images to vectors.
    ConversionError, ParityError, TrainingDataError
        See `lpel_tf.networks.embedders`.
    """
    name = file.name or file.path.stem
    with one_step(progress, f"exporting {name} to ONNX"):
        if file.is_keras:
            model = load_keras(file.path)
            shape = find_shape(model, file.image_size)
            return from_keras(
                model,
                name=name,
                image_size=shape,
                standardisation=cast("str", file.standardisation),
                faces=faces(shape),
            )
        shape = as_shape(cast("ImageSize", file.image_size))
        return from_onnx(
            file.path,
            name=name,
            image_size=shape,
            mean=_one_or_three(file.mean),
            scale=_one_or_three(file.scale),
            faces=faces(shape),
            layout=file.layout,
            channels=file.channels,
            output=file.output,
        )


def load_keras(path: Path) -> Any:
    """Load a Keras model in Keras' safe mode, in which nothing of the file is executed.

    Raises
    ------
    ModelShapeError
        If Keras cannot load it.
    """
    keras = require("keras", "train")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras, h5py and the layers' own constructors raise
        raise ModelShapeError(
            f"Keras cannot load {path.name} in its safe mode ({reason_of(error)[:300]}): layers of "
            "one's own and Lambdas are code that the file lacks or must not bring. Build the model "
            "in Python, load its weights, and give it to `from_keras`; or export it to ONNX."
        ) from error


def _one_or_three(numbers: tuple[float, ...] | None) -> float | tuple[float, ...]:
    return numbers[0] if numbers and len(numbers) == 1 else numbers or ()
