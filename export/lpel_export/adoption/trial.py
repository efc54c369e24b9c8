"""Test-runs an imported ONNX network, before anything is built on it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption.preparation import Preparation
from lpel_export.adoption.received import GIVEN, Received
from lpel_export.conversion.parity import RANDOM, TOLERANCE
from lpel_export.support.errors import ModelShapeError, reason_of
from lpel_serving.engine.session import open_session
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError
from lpel_serving.support.extras import require

Run = Callable[[Floats], Floats]
"""From prepared images, float32, shape (N, ...), to what the network gives, float32."""

_ALONE = 1e-3
"""How far an embedding may depend on the others in its batch, as a share of the largest number."""


def network_run(received: Received, network: Any | None = None) -> Run:
    """Open a network that was received, or what was made of it, on the CPU.

    Raises
    ------
    ModelShapeError
        If onnxruntime cannot load it; the function that is returned, if it cannot take its input.
    """
    helper = require("onnx", "export").helper
    model = (network or received.network).SerializeToString()
    taken = helper.tensor_dtype_to_np_dtype(received.kind)
    try:
        session = open_session(model, input_name=received.input, output_name=received.output)
    except BundleError as error:
        raise ModelShapeError(f"{GIVEN} cannot be used: {_reason(error)}") from error

    def run(images: Floats) -> Floats:
        try:
            found: NDArray[Any] = session.run(images.astype(taken))
        except BundleError as error:
            raise ModelShapeError(
                f"{GIVEN} does not take images of shape {images.shape}: {_reason(error)}"
            ) from error
        return found.astype(np.float32)

    return run


def try_out(run: Run, received: Received, preparation: Preparation) -> int:
    """Embed two images together and one by one, and return the length D of their embeddings.

    Raises
    ------
    ModelShapeError
        If the network does not make a vector of each image, the same one each time and whatever
        others are in the batch.
    """
    images = preparation(preparation.examples(2))
    first = _of_one(run, images[:1], received)
    dimension = _dimension(first, received)
    if differ(first, run(images[:1]), TOLERANCE):
        raise ModelShapeError(f"{GIVEN} {RANDOM}")
    try:
        both = run(images)
    except ModelShapeError as error:
        raise _fixed_batch(received, str(error)) from error
    if both.shape != (2, *first.shape[1:]):
        raise _fixed_batch(received, f"two images give an output of shape {both.shape}.")
    alone = np.concatenate([first, run(images[1:])])
    if differ(alone, both, _ALONE):
        raise ModelShapeError(
            f"{GIVEN} gives an image another embedding when there are others in the batch, as "
            "networks in training mode and dynamically quantised ones do: export it for "
            "inference, or quantise it statically."
        )
    return dimension


def _of_one(run: Run, image: Floats, received: Received) -> Floats:
    """Embed one image, which networks of larger batches refuse."""
    try:
        return run(image)
    except ModelShapeError as error:
        if received.batch in (None, 1):
            raise
        raise _fixed_batch(received, str(error)) from error


def differ(some: Floats, others: Floats, share: float) -> bool:
    """Whether finite embeddings differ by more than a share of the largest number."""
    allowed = share * float(np.abs(some).max())
    return bool(np.isfinite(some).all()) and not np.allclose(some, others, rtol=0, atol=allowed)


def _dimension(embedding: Floats, received: Received) -> int:
    """D of what one image gives, of shape (1, D) or with further axes of length 1."""
    sizes = [size for size in embedding.shape[1:] if size != 1] or [1]
    if embedding.ndim < 2 or embedding.shape[0] != 1 or len(sizes) > 1:
        raise ModelShapeError(
            f"the output {received.output!r} of {GIVEN} has shape {embedding.shape} for one image; "
            "expected a vector of each image, shape (1, D): name another output, or export the "
            "network with its last pooling."
        )
    if sizes[0] == 1:
        raise ModelShapeError(
            f"the output {received.output!r} of {GIVEN} is one number for each image; the cosine "
            "of two numbers is 1 or -1, which says no more than whether their signs agree. "
            "Expected embeddings of two features or more: name the output that holds them."
        )
    return sizes[0]


def _fixed_batch(received: Received, reason: str) -> ModelShapeError:
    """What to say of a network that takes batches of one size."""
    size = received.batch or 1
    alone = "one image" if size == 1 else f"{size} images"
    declared = "" if received.batch is None else f" It declares batches of {size}."
    shapes = ", ".join(_fixed_shapes(received.network.graph, size))
    inside = f" The size of the batch is fixed in {shapes}." if shapes else ""
    return ModelShapeError(
        f"{GIVEN} takes batches of {alone} alone: {reason.removesuffix('.')}.{declared}{inside} "
        "Export it again with a batch axis of any length, for PyTorch with "
        "dynamic_axes={'input': {0: 'batch'}, 'output': {0: 'batch'}}."
    )


def _fixed_shapes(graph: Any, size: int) -> list[str]:
    """Reshapes of a graph to a constant shape that begins with the size of a batch."""
    shapes = constant_shapes(graph)
    reshapes = (node for node in graph.node if node.op_type == "Reshape")
    named = [(node.name or node.output[0], shapes.get(node.input[1], [])) for node in reshapes]
    return [f"the Reshape {name!r} to {to}" for name, to in named if to[:1] == [size]]


def constant_shapes(graph: Any) -> Mapping[str, list[int]]:
    """The numbers of a graph's constants of one axis, by name."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    constants |= {
        node.output[0]: attribute.t
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }
    to_array = require("onnx", "export").numpy_helper.to_array
    return {name: to_array(one).tolist() for name, one in constants.items() if len(one.dims) == 1}


def _reason(error: BundleError) -> str:
    """What onnxruntime said, in one line, without our words about bundles."""
    return reason_of(error.__cause__ or error)
