"""Conversion of Keras embedders and decoders to ONNX, with reproducible names."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.full_precision import in_float32, other_floats
from lpel_export.conversion.keras_networks import embed, embedding_dimension
from lpel_export.conversion.standardisation import Standardisation, find_standardisation
from lpel_export.conversion.tensorflow_graph import to_onnx, trace
from lpel_export.support.errors import ConversionError, ModelShapeError, reason_of
from lpel_export.support.naming import name_by_place
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, RECONSTRUCTION, RESPONSE
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape

OPSET = 17
BATCH = "batch"

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
    other_floats
        The number formats that the network computed in where it came from, if not float32 alone.
    unchanged
        The network computing in those, from numpy to numpy; None if they are float32 alone.
    """

    model: bytes
    original: Arrays
    other_floats: tuple[str, ...] = ()
    unchanged: Arrays | None = None


def export_embedder(
    model: Any,
    shape: ImageShape,
    standardisation: str | Standardisation,
    metadata: Mapping[str, str],
) -> Exported:
    """Export an embedding network ``f`` that takes uint8 images, its standardisation inside.

    Parameters
    ----------
    model
        A Keras model from float images, shape (batch, H, W, C), to vectors, shape (batch, D). One
        of mixed precision is exported in float32: see `lpel_export.conversion.full_precision`.
    shape
        Of the images.
    standardisation
        What happens to the pixels first: see `lpel_export.conversion.standardisation`.
    metadata
        Written into the ONNX model's ``metadata_props``.

    Raises
    ------
    ModelShapeError
        If the model does not map images of that shape to vectors.
    StandardisationError
        If there is no such standardisation.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    standardise = find_standardisation(standardisation, shape.channels)
    embedding_dimension(model, shape)

    def embedded(image: Any) -> dict[str, Any]:
        return {EMBEDDING: embed(model, standardise(image))}

    spec = tf.TensorSpec((None, *shape), tf.uint8, name=IMAGE)
    floats = other_floats(model)
    if not floats:
        return _export(embedded, spec, EMBEDDING, metadata)
    unchanged = _in_numpy(trace(embedded, spec), EMBEDDING)
    with in_float32(model):
        exported = _export(embedded, spec, EMBEDDING, metadata)
    return replace(exported, other_floats=floats, unchanged=unchanged)


def export_decoder(model: Any, metadata: Mapping[str, str]) -> Exported:
    """Export a decoder ``g`` from vectors, shape (batch, D), to images, shape (batch, H, W, C).

    Raises
    ------
    ModelShapeError
        If the Keras model does not map vectors to images in colour or grey.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    shape = model.output_shape
    if len(model.input_shape) != 2 or len(shape) != 4 or shape[3] not in (1, 3):
        raise ModelShapeError(
            "a decoder maps vectors, shape (batch, D), to images, shape (batch, H, W, C) with 3 "
            "channels or 1; "
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
    concrete = trace(function, spec)
    model = to_onnx(concrete, OPSET)
    finish(model, metadata)
    return Exported(model.SerializeToString(), _in_numpy(concrete, output))


def _in_numpy(concrete: Any, output: str) -> Arrays:
    tf = require("tensorflow", "train")

    def original(values: NDArray[Any]) -> NDArray[np.float32]:
        return concrete(tf.constant(values))[output].numpy()

    return original


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
        reason = reason_of(error)
        raise ConversionError(
            f"the model has operations that ONNX's opset {OPSET} lacks: {reason}"
        ) from error
