"""Embedders that decoders are trained for: exported to ONNX, their parity with Keras checked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption.adopt import adopt_embedder
from lpel_export.adoption.preparation import Channels, Layout, Preparation
from lpel_export.adoption.received import Source
from lpel_export.conversion.keras_networks import embedding_dimension, find_shape
from lpel_export.conversion.keras_to_onnx import Exported, export_embedder
from lpel_export.conversion.parity import check_parity
from lpel_export.conversion.standardisation import Standardisation, standardisation_name
from lpel_export.support.errors import ModelShapeError
from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, EmbedderRecord
from lpel_serving.bundle.safety.models import refuse_unsafe
from lpel_serving.support.errors import BundleError
from lpel_serving.support.image_shape import ImageShape, square
from lpel_serving.support.progress import Progress, one_step, silent
from lpel_tf.networks.embedding_checks import check_embeddings, check_finite
from lpel_tf.networks.example_crops import as_crops
from lpel_tf.networks.exported import ExportedEmbedder, export_key, kept_or_made
from lpel_tf.networks.facenet import IMAGE_SIZE, FaceNet, build
from lpel_tf.networks.weights import fetch


def from_keras(
    model: Any,
    *,
    name: str,
    image_size: ImageSize | None = None,
    standardisation: str | Standardisation,
    faces: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
) -> ExportedEmbedder:
    """Export any Keras model from images to vectors, and check that nothing was lost.

    Parameters
    ----------
    model
        A Keras model from float images, shape (batch, H, W, C), RGB or grey, to vectors, shape
        (batch, D); grey ones may lack the last axis. One that computes in mixed precision is
        exported in float32, and the report under ``parity`` says how far its own embeddings are
        from that.
    name
        What the bundle will call it.
    image_size
        A side, (H, W), or (H, W, C) with 3 channels or 1; the model's own when None.
    standardisation
        What happens to uint8 pixels before the model: a key of
        `lpel_export.conversion.standardisation.STANDARDISATIONS`, or a function of a tensor of
        float32 pixels, 0 to 255, such as ``keras.applications.resnet.preprocess_input``.
    faces
        Some real crops to compare on, uint8, shape (N, H, W, C), N at least 2; or a list of
        them.

    Raises
    ------
    ConversionError, ModelShapeError, ParityError
        If the model cannot be exported faithfully, or has NaN or infinity among its weights.
    StandardisationError
        If there is no such standardisation, or not for grey images.
    ImageError, ParameterError
        If the crops are no such crops, or there is no such size.
    TrainingDataError
        If its embeddings say nothing of the crops: see `lpel_tf.networks.embedding_checks`.
    """
    shape = find_shape(model, image_size)
    crops = as_crops(faces, shape)
    named = standardisation_name(standardisation)
    record = EmbedderRecord(name, shape, embedding_dimension(model, shape), named)
    metadata = {key: str(value) for key, value in record.fields().items()}
    exported = export_embedder(model, shape, standardisation, metadata)
    try:
        refuse_unsafe(exported.model, f"the model {model.name!r}")
    except BundleError as error:
        raise ModelShapeError(str(error)) from error
    return _checked(exported, record, crops)


def from_onnx(
    model: Source,
    *,
    name: str,
    image_size: ImageSize,
    mean: float | Sequence[float],
    scale: float | Sequence[float],
    faces: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    layout: Layout = "NCHW",
    channels: Channels = "RGB",
    output: str | None = None,
) -> ExportedEmbedder:
    """Take in an embedding network that is already in ONNX; see `lpel_export.adopt_embedder`.

    Parameters
    ----------
    model
        A serialised ONNX model, or the path of its file, with one image input and one output of
        vectors.
    name
        What the bundle will call it.
    image_size, mean, scale, layout, channels
        How it wants its pixels: `image_size` as a side, (H, W), or (H, W, C) with 3 channels or 1,
        three where they are not given; ``(pixel - mean) / scale``, one number each, or one for each
        channel in the order of `channels`.
    faces
        Some real crops to compare on, uint8, shape (N, H, W, C), N at least 2; or a list of
        them.
    output
        Which of several outputs is the embedding.

    Raises
    ------
    ConversionError, ModelShapeError, ParityError
        If the model cannot be taken in faithfully.
    ImageError, ParameterError
        If the crops are no such crops, the file cannot be read, or a setting is not one that
        there is.
    TrainingDataError
        If its embeddings say nothing of the crops: see `lpel_tf.networks.embedding_checks`.
    """
    shape = as_shape(image_size)
    crops = as_crops(faces, shape)
    exported = adopt_embedder(
        model,
        image_size=shape,
        mean=mean,
        scale=scale,
        layout=layout,
        channels=channels,
        output=output,
    )
    preparation = Preparation(shape, mean, scale, layout, channels)
    dimension = exported.original(preparation.examples(1)).shape[-1]
    record = EmbedderRecord(name, shape, dimension, preparation.words)
    return _checked(exported, record, crops)


def from_facenet(
    network: FaceNet,
    faces: Callable[[ImageShape], NDArray[np.uint8]],
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> ExportedEmbedder:
    """Fetch, build and export a FaceNet, or take the export from the cache.

    Parameters
    ----------
    network
        Which one.
    faces
        Called for real crops of a given shape if an export is needed: uint8, shape (N, H, W, C).
    cache, mirror, progress
        See `lpel_tf.networks.weights.fetch`.
    """
    weights = fetch(network, cache=cache, mirror=mirror, progress=progress)

    def export() -> ExportedEmbedder:
        with one_step(progress, "exporting FaceNet to ONNX"):
            return from_keras(
                build(network, weights),
                name=network.title,
                image_size=IMAGE_SIZE,
                standardisation=network.standardisation,
                faces=faces(square(IMAGE_SIZE)),
            )

    embedder = kept_or_made(export_key([weights]), export, cache)
    return replace(embedder, licence=network.licence)


def _checked(
    exported: Exported, record: EmbedderRecord, faces: NDArray[np.uint8]
) -> ExportedEmbedder:
    different = np.unique(faces, axis=0)
    embeddings = exported.original(different)
    check_finite(embeddings)  # before parity, to which NaN is a difference
    parity = check_parity(
        exported,
        faces,
        input_name=IMAGE,
        output_name=EMBEDDING,
        inputs=f"{len(different)} different face crops",
        by_length=True,
    )
    check_embeddings(embeddings)
    return ExportedEmbedder(exported.model, record, parity)
