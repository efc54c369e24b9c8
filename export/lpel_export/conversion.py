"""From Keras to ONNX, with names that stay."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.errors import ConversionError, ModelShapeError
from lpel_export.standardisation import STANDARDISATIONS
from lpel_serving.extras import require
from lpel_serving.manifest import EMBEDDING, IMAGE, RECONSTRUCTION

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
        If the model does not give vectors.
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    if len(model.output_shape) != 2:
        raise ModelShapeError(
            f"an embedder gives vectors, shape (batch, D); this one gives {model.output_shape}."
        )
    standardise = STANDARDISATIONS[standardisation]

    def embed(image: Any) -> dict[str, Any]:
        return {EMBEDDING: model(standardise(image), training=False)}

    spec = tf.TensorSpec((None, image_size, image_size, 3), tf.uint8, name=IMAGE)
    return _export(embed, spec, EMBEDDING, metadata)


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


def _export(
    function: Callable[[Any], dict[str, Any]], spec: Any, output: str, metadata: Mapping[str, str]
) -> Exported:
    tf, tf2onnx = require("tensorflow", "train"), require("tf2onnx", "export")
    traced = tf.function(function, input_signature=[spec], autograph=False)
    try:
        with _quiet():
            model, _ = tf2onnx.convert.from_function(traced, input_signature=[spec], opset=OPSET)
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        raise ConversionError(f"tf2onnx cannot convert the model: {error}") from error
    finish(model, metadata)

    def original(values: NDArray[Any]) -> NDArray[np.float32]:
        return traced(tf.constant(values))[output].numpy()

    return Exported(model.SerializeToString(), original)


def finish(model: Any, metadata: Mapping[str, str]) -> None:
    """Name the batch axis, fill the metadata and check an ONNX model, in place."""
    onnx = require("onnx", "export")
    _number_names_afresh(model.graph)
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.helper.set_model_props(model, {str(k): str(v) for k, v in metadata.items()})
    model.producer_name = "lpel_export"
    onnx.checker.check_model(model)


def _number_names_afresh(graph: Any) -> None:
    """Make names hang on the model alone: tf2onnx numbers them through the life of a process."""
    renamed: dict[str, str] = {}

    def fresh(name: str) -> str:
        if name not in renamed:
            stem, counter, number = name.rpartition("__")
            counted = bool(counter) and number.isdecimal()
            renamed[name] = f"{stem}__{len(renamed)}" if counted else name
        return renamed[name]

    for tensor in graph.initializer:
        tensor.name = fresh(tensor.name)
    for node in graph.node:
        node.name = fresh(node.name)
        node.input[:] = [fresh(name) for name in node.input]
        node.output[:] = [fresh(name) for name in node.output]
    graph.doc_string = ""  # holds such a number too
    del graph.value_info[:]  # shapes that anybody can infer again, under the old names


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Keep tf2onnx's progress chatter and its own deprecation warnings off the user's screen."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
