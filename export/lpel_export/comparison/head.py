"""Exports a learned head, from Keras or ONNX, and checks that it compares as a head must."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption.received import IR_VERSION, Source, contents, parsed
from lpel_export.conversion.keras_to_onnx import OPSET, finish
from lpel_export.conversion.parity import TOLERANCE, Parity
from lpel_export.conversion.tensorflow_graph import to_onnx, trace
from lpel_export.support.errors import ModelShapeError, ParityError
from lpel_serving.bundle.comparison_record import (
    REFERENCE_EMBEDDING,
    SIMILARITY,
    TEST_EMBEDDING,
)
from lpel_serving.bundle.safety.models import refuse_unsafe
from lpel_serving.engine.comparing import Head, open_head
from lpel_serving.engine.session import open_model
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError, LpelError
from lpel_serving.support.extras import require

WHAT = "the head"
_TWO_VECTORS = (
    "a head maps two batches of embeddings, shape (batch, D) each, to one score in [0, 1] for each "
    "pair, shape (batch,) or (batch, 1)"
)

Compare = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class ExportedHead:
    """A learned head in ONNX.

    Attributes
    ----------
    model
        The serialised model, from `reference_embedding` and `test_embedding` to `similarity`.
    parity
        How far it is from the one that it came from.
    """

    model: bytes
    parity: Parity


def export_head(head: Any, embeddings: Floats, spread: float) -> ExportedHead:
    """Export a learned head and check it on pairs of real embeddings.

    Parameters
    ----------
    head
        A Keras model of two inputs, or an ONNX model as bytes or by its file.
    embeddings
        Of different photographs, as the embedder gives them, float32, shape (N, D), N at least 2.
    spread
        See `lpel_serving.equations.comparison.Euclidean`.

    Raises
    ------
    ModelShapeError
        If it does not map two embeddings to one score in [0, 1], or if exchanging them changes the
        score.
    ConversionError
        If it cannot be converted.
    ParityError
        If the exported head differs from the original.
    """
    dimension = embeddings.shape[1]
    is_onnx = isinstance(head, (bytes, str, os.PathLike))
    source: Any = head
    model, original = _from_onnx(source) if is_onnx else _from_keras(source, dimension)
    try:
        refuse_unsafe(model, WHAT)
        engine = open_head(model, dimension, spread)
        parity = _check(engine, original, embeddings)
    except BundleError as error:
        raise ModelShapeError(f"{_TWO_VECTORS}. {error}") from error
    return ExportedHead(model, parity)


def _from_keras(head: Any, dimension: int) -> tuple[bytes, Compare]:
    tf, keras = require("tensorflow", "train"), require("keras", "train")
    if not isinstance(head, keras.Model) or len(getattr(head, "inputs", None) or ()) != 2:
        raise ModelShapeError(
            f"{_TWO_VECTORS}; received {type(head).__name__}: give a functional Keras model of two "
            "inputs, keras.Model([h_r, h_t], score), or an ONNX model of two inputs."
        )

    def compare(reference_embedding: Any, test_embedding: Any) -> dict[str, Any]:
        score = head([reference_embedding, test_embedding], training=False)
        return {SIMILARITY: tf.reshape(tf.cast(score, tf.float32), [-1])}

    names = (REFERENCE_EMBEDDING, TEST_EMBEDDING)
    specs = [tf.TensorSpec((None, dimension), tf.float32, name=name) for name in names]
    _check_score(head.output_shape)
    concrete = trace(compare, *specs)
    model = to_onnx(concrete, OPSET)
    finish(model, {"lpel": "head"})

    def original(h_r: Floats, h_t: Floats) -> Floats:
        return concrete(tf.constant(h_r), tf.constant(h_t))[SIMILARITY].numpy()

    return model.SerializeToString(), original


def _from_onnx(head: Source) -> tuple[bytes, Compare]:
    onnx = require("onnx", "export")
    network = parsed(onnx, contents(head))
    weights = {tensor.name for tensor in network.graph.initializer}
    if network.functions:
        raise ModelShapeError(
            f"{_TWO_VECTORS}; this ONNX model has functions of its own: export it with them "
            "inlined."
        )
    before = network.SerializeToString()
    inputs = [one.name for one in network.graph.input if one.name not in weights]
    outputs = [one.name for one in network.graph.output]
    if len(inputs) != 2 or len(outputs) != 1:
        raise ModelShapeError(f"{_TWO_VECTORS}; the ONNX model maps {inputs} to {outputs}.")
    apart = onnx.compose.add_prefix(network, "head/")  # its names may be ours
    own = [f"head/{name}" for name in inputs]
    model = _with_our_names(onnx, apart, own, f"head/{outputs[0]}")

    def original(h_r: Floats, h_t: Floats) -> Floats:
        names = dict.fromkeys(inputs), dict.fromkeys(outputs)
        session = open_model(before, *names)
        given = dict(zip(inputs, (h_r, h_t), strict=True))
        return session.run_all(given, outputs)[0].reshape(-1)

    return model, original


def _with_our_names(onnx: Any, network: Any, inputs: list[str], output: str) -> bytes:
    """Call the inputs as a bundle does, and give one number for each pair, at our opset."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    converted = onnx.version_converter.convert_version(network, OPSET)
    graph = converted.graph
    sizes = {one.name: _length(one.type.tensor_type.shape.dim) for one in graph.input}
    ours = (REFERENCE_EMBEDDING, TEST_EMBEDDING)
    shape = onnx.numpy_helper.from_array(np.array([-1], np.int64), "each")
    given = [
        helper.make_tensor_value_info(name, floats, ["batch", sizes[own]])
        for name, own in zip(ours, inputs, strict=True)
    ]
    named = [
        helper.make_node("Identity", [name], [own]) for name, own in zip(ours, inputs, strict=True)
    ]
    scored = helper.make_node("Reshape", [output, "each"], [SIMILARITY])
    made = helper.make_graph(
        [*named, *graph.node, scored],
        "head",
        given,
        [helper.make_tensor_value_info(SIMILARITY, floats, ["batch"])],
        [*graph.initializer, shape],
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    finish(model, {"lpel": "head", "adopted": "from ONNX"})
    return model.SerializeToString()


def _length(axes: Any) -> int | None:
    return (axes[-1].dim_value or None) if len(axes) else None


def _check_score(shape: Any) -> None:
    if not isinstance(shape, tuple) or shape not in {(None,), (None, 1)}:
        raise ModelShapeError(f"{_TWO_VECTORS}; this one gives {shape}.")


def _check(engine: Head, original: Compare, embeddings: Floats) -> Parity:
    """Compare the exported head with its original on neighbours in a list, and look at scores.

    The scores looked at are those of all pairs, an embedding with itself among them.
    """
    h_r, h_t = embeddings, np.roll(embeddings, 1, axis=0)
    of_each, of_all = np.repeat(embeddings, len(h_r), axis=0), np.tile(embeddings, (len(h_r), 1))
    try:
        scores = engine.similarity(h_r, h_t)
        every, swapped = (engine.similarity(of_each, of_all), engine.similarity(of_all, of_each))
    except LpelError as error:
        raise ModelShapeError(f"{_TWO_VECTORS}. {error}") from error
    expected: NDArray[np.float32] = original(h_r, h_t)
    if expected.shape != scores.shape:
        raise ModelShapeError(f"{_TWO_VECTORS}; for {len(h_r)} pairs it gave {expected.shape}.")
    if every.min() < 0 or every.max() > 1:
        raise ModelShapeError(
            f"{_TWO_VECTORS}; received scores from {every.min():.3g} to {every.max():.3g}: end "
            "the head in a sigmoid, or, if it gives a distance, compare by euclidean."
        )
    if float(np.abs(every - swapped).max()) > TOLERANCE:
        raise ModelShapeError(
            "a siamese network compares two images alike whichever comes first; exchanging the "
            f"embeddings changed a score by {float(np.abs(every - swapped).max()):.3g}: let the "
            "head start from what is symmetric, such as their absolute difference."
        )
    difference = float(np.abs(scores - expected).max())
    if not difference <= TOLERANCE:
        raise ParityError(
            f"the exported head differs from its original by {difference:.2e}; allowed are "
            f"{TOLERANCE:.0e}. Nothing was exported."
        )
    inputs = f"pairs of {len(embeddings)} embeddings"
    return Parity(difference, TOLERANCE, (len(embeddings),), len(embeddings), inputs)
