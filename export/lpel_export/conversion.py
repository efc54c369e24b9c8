"""From Keras to ONNX, with names that stay."""

import contextlib
import gc
import logging
import os
import warnings
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.errors import (
    CONVERTERS_ERRORS,
    ConversionError,
    ModelShapeError,
    StandardisationError,
)
from lpel_export.naming import name_by_place
from lpel_export.standardisation import STANDARDISATIONS
from lpel_serving.extras import require
from lpel_serving.manifest import EMBEDDING, IMAGE, RECONSTRUCTION, RESPONSE

OPSET = 17
BATCH = "batch"
_NO_COPIES = "TF2ONNX_CATCH_ERRORS"

Arrays = Callable[[NDArray[Any]], NDArray[np.float32]]


@dataclass(frozen=True)
class Exported:
    """An ONNX model beside the computation that it came from.

    Attributes
    ----------
    model
        The serialised ONNX model.
    original
        The same computation in Keras, or in the model that was adopted, from numpy to numpy: what
        parity is measured against.
    """

    model: bytes
    original: Arrays


def export_embedder(
    model: Any, image_size: int, standardisation: str, metadata: Mapping[str, str]
) -> Exported:
    """Export an embedding network ``f`` that takes uint8 RGB, its standardisation inside.

    Parameters
    ----------
    model
        A Keras model from float images, shape (batch, S, S, 3), to vectors, shape (batch, D).
    image_size
        The side S.
    standardisation
        A key of `STANDARDISATIONS`.
    metadata
        Written into the ONNX model's ``metadata_props``.

    Raises
    ------
    ModelShapeError
        If the model does not map images of that size to vectors.
    StandardisationError
        If there is no such standardisation.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    embedding_dimension(model, image_size)
    if standardisation not in STANDARDISATIONS:
        raise StandardisationError(
            f"no standardisation is called {standardisation!r}; there are: "
            f"{', '.join(STANDARDISATIONS)}."
        )
    standardise = STANDARDISATIONS[standardisation]

    def embed(image: Any) -> dict[str, Any]:
        return {EMBEDDING: model(standardise(image), training=False)}

    spec = tf.TensorSpec((None, image_size, image_size, 3), tf.uint8, name=IMAGE)
    return _export(embed, spec, EMBEDDING, metadata)


def embedding_dimension(model: Any, image_size: int) -> int:
    """Return D of a Keras model from images, shape (batch, S, S, 3), to vectors, (batch, D).

    Raises
    ------
    ModelShapeError
        If the model is of another kind.
    """
    inputs = [tuple(tensor.shape) for tensor in model.inputs]
    outputs = [tuple(tensor.shape) for tensor in model.outputs]
    wanted = (None, image_size, image_size, 3)
    fits = (
        len(inputs) == 1
        and len(inputs[0]) == 4
        and all(size is None or size == side for size, side in zip(inputs[0], wanted, strict=True))
    )
    if not fits or len(outputs) != 1 or len(outputs[0]) != 2 or outputs[0][1] is None:
        raise ModelShapeError(
            f"an embedder maps images, shape {wanted}, to vectors, shape (None, D); this model "
            f"maps {inputs} to {outputs}."
        )
    return int(outputs[0][1])


def export_decoder(model: Any, metadata: Mapping[str, str]) -> Exported:
    """Export a decoder ``g`` from vectors, shape (batch, D), to images, shape (batch, H, H, 3).

    Raises
    ------
    ModelShapeError
        If the Keras model does not map vectors to square colour images.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    shape = model.output_shape
    if len(model.input_shape) != 2 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise ModelShapeError(
            "a decoder maps vectors, shape (batch, D), to images, shape (batch, H, H, 3); "
            f"this one maps {model.input_shape} to {shape}."
        )

    def decode(embedding: Any) -> dict[str, Any]:
        return {RECONSTRUCTION: model(embedding, training=False)}

    spec = tf.TensorSpec((None, model.input_shape[1]), tf.float32, name=EMBEDDING)
    return _export(decode, spec, RECONSTRUCTION, metadata)


def export_responder(model: Any, metadata: Mapping[str, str]) -> Exported:
    """Export a response decoder from vectors, shape (batch, D), to (batch, side, side, D).

    Raises
    ------
    ModelShapeError
        If the Keras model does not map vectors to square grids of such vectors.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    taken, given = model.input_shape, model.output_shape
    if len(taken) != 2 or len(given) != 4 or given[1] != given[2] or given[3] != taken[1]:
        raise ModelShapeError(
            "a response decoder maps vectors, shape (batch, D), to a vector for each superpixel, "
            f"shape (batch, side, side, D); this one maps {taken} to {given}."
        )

    def respond(embedding: Any) -> dict[str, Any]:
        return {RESPONSE: model(embedding, training=False)}

    spec = tf.TensorSpec((None, taken[1]), tf.float32, name=EMBEDDING)
    return _export(respond, spec, RESPONSE, metadata)


def _export(
    function: Callable[[Any], dict[str, Any]], spec: Any, output: str, metadata: Mapping[str, str]
) -> Exported:
    tf, tf2onnx = require("tensorflow", "train"), require("tf2onnx", "export")
    traced = tf.function(function, input_signature=[spec], autograph=False)
    try:
        with _calm_tf2onnx():
            model, _ = tf2onnx.convert.from_function(traced, input_signature=[spec], opset=OPSET)
    except CONVERTERS_ERRORS as error:
        reason = " ".join(str(error).split())
        raise ConversionError(f"tf2onnx cannot convert the model: {reason}") from error
    finish(model, metadata)

    def original(values: NDArray[Any]) -> NDArray[np.float32]:
        return traced(tf.constant(values))[output].numpy()

    return Exported(model.SerializeToString(), original)


def finish(model: Any, metadata: Mapping[str, str], parameters: Collection[str] = ()) -> None:
    """Name the batch axis of all but the parameters, fill the metadata, check; all in place."""
    onnx = require("onnx", "export")
    name_by_place(model.graph)
    for tensor in (*model.graph.input, *model.graph.output):
        if tensor.name not in parameters:
            tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.helper.set_model_props(model, {str(k): str(v) for k, v in metadata.items()})
    model.producer_name = "lpel_export"
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = " ".join(str(error).split())
        raise ConversionError(
            f"the model has operations that ONNX's opset {OPSET} lacks: {reason}"
        ) from error


@contextlib.contextmanager
def _calm_tf2onnx() -> Generator[None]:
    """Keep tf2onnx from chattering, and from copying the weights before each of its passes.

    It makes those copies to go on without a pass that fails; without them one raises, and the
    conversion takes 1 GB less.
    """
    logger = logging.getLogger("tf2onnx")
    level, copies = logger.level, os.environ.get(_NO_COPIES)
    logger.setLevel(logging.CRITICAL)
    os.environ[_NO_COPIES] = "FALSE"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if copies is None:
            del os.environ[_NO_COPIES]
        else:
            os.environ[_NO_COPIES] = copies
        gc.collect()  # its graphs are full of cycles, and hold all the weights
