"""Conversion of a Keras surrogate to two ONNX graphs, and parity: every fill, two batch sizes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import BATCH, OPSET, finish
from lpel_export.conversion.parity import TOLERANCE, Parity
from lpel_export.conversion.tensorflow_graph import to_onnx, trace
from lpel_export.support.errors import ParityError
from lpel_export.support.naming import name_constants, sort_by_use
from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    DONOR_FEATURES,
    EFFECTS,
    EMBEDDING,
    FILL,
    LOCAL_FEATURES,
    MASKED_EMBEDDING,
    SHOWN_STATE,
)
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.engine.session import open_model
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.arrays import Memberships
from lpel_serving.support.extras import require

Original = Callable[[ImageFeatures, ImageFeatures, NDArray[np.float32]], NDArray[np.float32]]
"""From N images, a donor for each, and coalitions for each fill, (N, F, M, K), to the masked
embeddings, (N, F, M, D)."""


def export_surrogate(
    hiding: Callable[..., Any],
    masked: Callable[..., Any],
    dimension: int,
    local_shape: tuple[int, int],
    constants: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str],
) -> SurrogateGraphs:
    """Export a surrogate: see `lpel_serving.bundle.manifest.SurrogateRecord` for its tensors.

    Parameters
    ----------
    hiding, masked
        Functions of TensorFlow's tensors, in the order of that docstring.
    dimension
        Length D of the embeddings.
    local_shape
        Superpixels K and channels C.
    constants
        Its weights: the graphs' constants of these values get their names.
    metadata
        Written into the ONNX models' ``metadata_props``.

    Raises
    ------
    ConversionError
        If it cannot be converted.
    """
    tf = require("tensorflow", "train")
    vector, local = (None, dimension), (None, *local_shape)

    def specs(shapes: Mapping[str, Any]) -> list[Any]:
        return [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()]

    def first(*tensors: Any) -> dict[str, Any]:
        return dict(zip((SHOWN_STATE, EFFECTS), hiding(*tensors), strict=True))

    def second(*tensors: Any) -> dict[str, Any]:
        return {MASKED_EMBEDDING: masked(*tensors)}

    images = {
        EMBEDDING: vector,
        LOCAL_FEATURES: local,
        DONOR_EMBEDDING: vector,
        DONOR_FEATURES: local,
    }
    hidden = trace(first, *specs(images), tf.TensorSpec((), tf.int64, name=FILL))
    asked = {name: one.shape for name, one in hidden.structured_outputs.items()}
    asked |= {EMBEDDING: vector, DONOR_EMBEDDING: vector, COALITION: (None, None, local_shape[0])}
    answered = trace(second, *specs(asked))
    return SurrogateGraphs(*(_exported(one, constants, metadata) for one in (hidden, answered)))


def _exported(
    traced: Any, constants: Mapping[str, NDArray[np.float32]], metadata: Mapping[str, str]
) -> bytes:
    model = to_onnx(traced, OPSET)
    for tensor in (*model.graph.input, *model.graph.output):
        if tensor.name in {COALITION, MASKED_EMBEDDING}:
            axes = tensor.type.tensor_type.shape.dim
            axes[0].dim_param = f"{BATCH}_or_1" if tensor.name == COALITION else BATCH
            axes[1].dim_param = COALITION
    sort_by_use(model.graph)
    finish(model, metadata, parameters=(COALITION, MASKED_EMBEDDING, FILL))
    name_constants(model.graph, constants)
    return model.SerializeToString()


def check_surrogate_parity(
    graphs: SurrogateGraphs,
    original: Original,
    images: ImageFeatures,
    donors: ImageFeatures,
    coalitions: Memberships,
    *,
    inputs: str,
    tolerance: float = TOLERANCE,
) -> Parity:
    """Compare an exported surrogate with its original, one image at a time and all at once.

    Parameters
    ----------
    graphs
        See `export_surrogate`; the second is asked about what the first gives.
    original
        The same in Keras.
    images, donors
        Features of N real images, N at least 2, embeddings of unit length, and of their donors.
    coalitions
        Replaced in each image, by each fill, shape (F, M, K), perhaps in part.
    inputs
        What the images are, for the report.
    tolerance
        Largest absolute difference allowed.

    Raises
    ------
    ParityError
        If they differ by more, or there are fewer than two images.
    """
    n = len(images.embeddings)
    if n < 2:
        raise ParityError(f"two images at least are needed to compare surrogates; received {n}.")
    run, last = _runner(graphs), len(coalitions) - 1
    differences: list[float] = []
    for size in (1, n):
        for start in range(0, n, size):
            some, given = (one[start : start + size] for one in (images, donors))
            expected = original(some, given, _for_each(coalitions, len(some.embeddings)))
            for fill, replaced in enumerate(coalitions):
                found = run(some, given, replaced, fill, last)
                differences.append(float(np.abs(found - expected[:, fill]).max()))
    difference = float(np.max(differences))  # NaN stays
    if not difference <= tolerance:  # NaN must fail too
        raise ParityError(
            f"the ONNX surrogate differs from its original by {difference:.2e} on {inputs}; "
            f"allowed are {tolerance:.0e}. Nothing was exported."
        )
    return Parity(difference, tolerance, (1, n), n, inputs)


def _for_each(coalitions: Memberships, n: int) -> NDArray[np.float32]:
    return np.broadcast_to(coalitions.astype(np.float32), (n, *coalitions.shape))


def _runner(graphs: SurrogateGraphs) -> Callable[..., NDArray[np.float32]]:
    """Both graphs, one after the other, on as many images at once as are given."""
    seen = (EMBEDDING, LOCAL_FEATURES, DONOR_EMBEDDING, DONOR_FEATURES, FILL)
    hidden = (SHOWN_STATE, EFFECTS)
    asked = (*hidden, EMBEDDING, DONOR_EMBEDDING, COALITION)
    first = open_model(graphs.surrogate, dict.fromkeys(seen), dict.fromkeys(hidden))
    second = open_model(graphs.simulation, dict.fromkeys(asked), {MASKED_EMBEDDING: None})

    def run(
        images: ImageFeatures, donors: ImageFeatures, replaced: Memberships, fill: int, last: int
    ) -> NDArray[np.float32]:
        whole, given = images.embeddings, donors.embeddings
        of_images = (whole, images.local, given, donors.local, np.array(fill, np.int64))
        states = first.run_all(dict(zip(seen, of_images, strict=True)), hidden)
        given = given if fill == last else np.zeros_like(given)
        members = replaced[np.newaxis].astype(np.float32)
        question: tuple[NDArray[Any], ...] = (*states, whole, given, members)
        return second.run_all(dict(zip(asked, question, strict=True)), (MASKED_EMBEDDING,))[0]

    return run
