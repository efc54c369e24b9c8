"""Frees an ONNX network from the one size of batch that it was exported for."""

from dataclasses import replace
from typing import Any

import numpy as np

from lpel_export.adoption.preparation import Preparation
from lpel_export.adoption.received import Received
from lpel_export.adoption.trial import Run, constant_shapes, differ, network_run
from lpel_export.support.errors import ModelShapeError
from lpel_serving.support.arrays import Floats
from lpel_serving.support.extras import require
from lpel_serving.support.quiet import silenced

_TRIED = 3


def free_batch(received: Received, run: Run, preparation: Preparation) -> tuple[Received, Run]:
    """Let a network take batches of any size.

    Exporters that trace a network write the batch that they traced it with into its reshapes, where
    it reads as any other length: ``[1, 512]`` for ``[batch, 512]``. Those are given 0 in its place,
    which in ONNX stands for the length that is there.

    Parameters
    ----------
    received
        The network.
    run
        As it was given.
    preparation
        Of the images that both are tried on.

    Returns
    -------
    tuple[Received, Run]
        The network, freed if it had to be and could be; and the function that runs it as it was
        given on any number of images, in batches of its own size.
    """
    images = preparation(preparation.examples(_TRIED))
    if _takes(run, images[:1]) and _takes(run, images):
        return received, run
    size = received.batch or 1
    freed = replace(received, network=_freed(received.network, size))
    as_given = _in_batches_of(size, run)
    try:
        wrong = differ(as_given(images), network_run(freed)(images), 1e-4)
    except ModelShapeError:
        return received, run
    return (received, run) if wrong else (freed, as_given)


def _takes(run: Run, images: Floats) -> bool:
    try:
        with silenced():  # onnxruntime reports an error on standard error, which is an answer here
            return len(run(images)) == len(images)
    except ModelShapeError:
        return False


def _in_batches_of(size: int, run: Run) -> Run:
    """Run a network on any number of images, the last ones repeated until a batch is full."""

    def run_all(images: Floats) -> Floats:
        starts = range(0, len(images), size)
        places = (np.minimum(np.arange(start, start + size), len(images) - 1) for start in starts)
        return np.concatenate([run(images[some]) for some in places])[: len(images)]

    return run_all


def _freed(network: Any, size: int) -> Any:
    """Copy a network with the size of the batch taken out of the shapes of its reshapes."""
    onnx = require("onnx", "export")
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    shapes = constant_shapes(copy.graph)
    for place, node in enumerate(copy.graph.node):
        shape = shapes.get(node.input[1], []) if node.op_type == "Reshape" else []
        as_it_is = any(one.name == "allowzero" and one.i for one in node.attribute)
        if shape[:1] == [size] and not as_it_is:
            name = f"{node.input[1]}/freed{place}"  # another node may want the shape as it was
            array = np.array([0, *shape[1:]], np.int64)
            copy.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
            node.input[1] = name
    return copy
