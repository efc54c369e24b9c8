"""Reads an ONNX network for import: checks for what no bundle may hold, and cleans up."""

import os
from copy import deepcopy
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, cast

from lpel_export.support.errors import ModelShapeError
from lpel_export.support.plain_graph import STANDARD
from lpel_serving.bundle.safety.models import refuse_unsafe
from lpel_serving.support.errors import BundleError, ParameterError
from lpel_serving.support.extras import require

GIVEN = "the model that was given"
"""What complaints call it."""

Source = bytes | str | os.PathLike[str]
"""A serialised model, or the path of its file."""

IR_VERSION = 8
"""Merging demands one version; what adopted networks use of it is older still."""

_LARGEST = 2**31 - 1  # of a protobuf message
_OTHERS = {
    b"PK\x03\x04": "a zip archive, as Keras's .keras and PyTorch's checkpoints are",
    b"\x89HDF": "an HDF5 file, as Keras's .h5 is",
    b"\x80\x02": "a pickle, as old checkpoints of PyTorch are",
    b"version https://git-lfs": "a pointer of Git LFS, which `git lfs pull` replaces by the file",
}


@dataclass(frozen=True)
class Received:
    """A network with one input and one output, nothing in it that an engine would refuse.

    Attributes
    ----------
    network
        The ``onnx.ModelProto``: its weights constants, its operations in order and all needed, its
        batch axis free.
    input, output
        Names of its tensors.
    kind
        What it takes its images as: a number of ``onnx.TensorProto.DataType``.
    batch
        The size of the batches that it was declared for; None if any.
    """

    network: Any
    input: str
    output: str
    kind: int
    batch: int | None


def receive(model: Source, output: str | None = None) -> Received:
    """Read a network, and refuse what no bundle may hold or what cannot be an embedder.

    Parameters
    ----------
    model
        A serialised ONNX model, or the path of its file.
    output
        Which of its outputs is the embedding; it may be left out if there is one alone.

    Raises
    ------
    ModelShapeError
        If it is no ONNX model with one input for images, its weights inside and finite, its
        operators the standard's, or there is no such output.
    """
    onnx = require("onnx", "export")
    network = parsed(onnx, contents(model))
    weights = {tensor.name for tensor in network.graph.initializer}
    # Old exporters list weights as inputs too, to be overridden: here they are constants.
    _keep(network.graph.input, [one for one in network.graph.input if one.name not in weights])
    image, embedding = _one_input(network.graph), _one_output(network.graph, output)
    _keep(network.graph.output, [embedding])
    _keep(network.graph.node, needed_in_order(network.graph))
    used = {node.domain for node in network.graph.node} | STANDARD
    _keep(network.opset_import, [one for one in network.opset_import if one.domain in used])
    try:
        refuse_unsafe(network.SerializeToString(), GIVEN)
    except BundleError as error:
        raise ModelShapeError(str(error)) from error
    network.ir_version = IR_VERSION
    del network.graph.value_info[:]  # sizes for the batch that it was declared for
    batch = _declared_batch(image)
    for tensor in (network.graph.input[0], network.graph.output[0]):
        if tensor.type.tensor_type.HasField("shape") and tensor.type.tensor_type.shape.dim:
            tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    return Received(network, image.name, embedding.name, image.type.tensor_type.elem_type, batch)


def contents(model: Any) -> bytes:
    """The bytes of a model: a `Source`, or else refused."""
    if isinstance(model, bytes):
        _check_size(len(model))
        return model
    if not isinstance(model, str | os.PathLike):
        raise ParameterError(
            "expected the bytes of an ONNX model or the path of its file, received "
            f"{type(model).__name__}: serialise ONNX models (model.SerializeToString()), and give "
            "Keras models to from_keras."
        )
    path = Path(cast("str", model))
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _LARGEST else b""
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(
            f"{path} cannot be read ({reason}): name the .onnx file of the network."
        ) from error
    _check_size(size)
    return data


def _check_size(size: int) -> None:
    if size > _LARGEST:
        raise ModelShapeError(
            f"{GIVEN} has {size:,} bytes; an ONNX model that holds its weights has at most "
            f"{_LARGEST:,}: give a smaller network, or one in float16."
        )


def parsed(onnx: Any, data: bytes) -> Any:
    """Parse a serialised ONNX model, or raise `ModelShapeError` that says what it is instead."""
    for beginning, what in _OTHERS.items():
        if data.startswith(beginning):
            raise ModelShapeError(f"{GIVEN} is not an ONNX model: it is {what}. Export it to ONNX.")
    try:
        network = onnx.load_from_string(data)
    except require("google.protobuf.message", "export").DecodeError as error:
        raise ModelShapeError(
            f"{GIVEN} is not an ONNX model, or not all of it: it cannot be parsed. Export it "
            "again, or look whether the file was copied whole."
        ) from error
    if not network.graph.node:
        raise ModelShapeError(f"{GIVEN} is not an ONNX model: it has no operations.")
    if not any(entry.domain in STANDARD for entry in network.opset_import):
        raise ModelShapeError(f"{GIVEN} is not an ONNX model of standard operators.")
    return network


def _one_input(graph: Any) -> Any:
    names = [tensor.name for tensor in graph.input]
    if len(names) != 1:
        raise ModelShapeError(
            f"an embedder has one input, the images; {GIVEN} has "
            f"{', '.join(map(repr, names)) or 'none'}: of a siamese network with two, give the "
            "tower that both images go through."
        )
    return graph.input[0]


def _one_output(graph: Any, wanted: str | None) -> Any:
    outputs = {tensor.name: tensor for tensor in graph.output}
    names = ", ".join(map(repr, outputs)) or "none"
    if wanted is None and len(outputs) == 1:
        return graph.output[0]
    if wanted is None:
        raise ModelShapeError(
            f"an embedder has one output; {GIVEN} has {names}: name the embedding with output=."
        )
    if wanted not in outputs:
        raise ModelShapeError(f"{GIVEN} has no output {wanted!r}; it has {names}.")
    return outputs[wanted]


def needed_in_order(graph: Any) -> list[Any]:
    """The operations that the outputs of a graph need, each after those that it needs itself.

    ONNX demands that order and onnxruntime does not, so converters that nobody else has tried
    write others.

    Raises
    ------
    ModelShapeError
        If there is no such order.
    """
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs: dict[int, list[int]] = {}
    pending = [makers[one.name] for one in graph.output if one.name in makers]
    while pending:
        i = pending.pop()
        if i not in needs:
            needs[i] = sorted({makers[name] for name in _reads(graph.node[i]) if name in makers})
            pending.extend(needs[i])
    if all(other < i for i, others in needs.items() for other in others):
        return [graph.node[i] for i in sorted(needs)]
    try:
        return [graph.node[i] for i in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        raise ModelShapeError(f"{GIVEN} is not valid ONNX: operations need each other.") from error


def _reads(node: Any) -> list[str]:
    """The tensors that a node reads, also from within its branches and loops."""
    graphs = inner_graphs(node)
    inner = [name for graph in graphs for one in graph.node for name in _reads(one)]
    return [*node.input, *inner, *(one.name for graph in graphs for one in graph.output)]


def inner_graphs(node: Any) -> list[Any]:
    """The bodies of a node's branches and loops."""
    return [
        graph
        for one in node.attribute
        for graph in (*one.graphs, *([one.g] if one.HasField("g") else []))
    ]


def _keep(field: Any, kept: list[Any]) -> None:
    """Replace a repeated field of a message by some of its own members, in this order."""
    copies = deepcopy(kept)  # those in the field do not outlive it
    del field[:]
    field.extend(copies)


def _declared_batch(tensor: Any) -> int | None:
    sizes = tensor.type.tensor_type.shape.dim
    return sizes[0].dim_value if sizes and sizes[0].HasField("dim_value") else None
