"""Conversion of networks to ONNX functions that the explainer's graph calls."""

import hashlib
from collections.abc import Sequence
from typing import Any

from lpel_export.support.errors import ModelShapeError
from lpel_export.support.plain_graph import STANDARD
from lpel_serving.support.extras import require

DOMAIN = "network"


def as_function(
    model: bytes,
    name: str,
    opset: int,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> Any:
    """Make a ``FunctionProto`` of a model's graph, its weights constants of the function.

    Parameters
    ----------
    model
        A serialised ONNX model.
    name
        What the function is called.
    opset
        The opset of the graph that is to call it.
    inputs, outputs
        The names of its tensors, in the order in which the function is to have them; where it has
        but one, or the order does not matter, the model's own.

    Raises
    ------
    ModelShapeError
        If the model is of another opset, has operators of other domains, or functions of its own.
    """
    onnx = require("onnx", "export")
    network = onnx.load_from_string(model)
    opsets = {entry.version for entry in network.opset_import if entry.domain in STANDARD}
    domains = {node.domain for node in network.graph.node} - STANDARD
    if opsets != {opset} or domains:
        raise ModelShapeError(
            f"one file takes networks of standard operators of opset {opset}; {name} has opset "
            f"{', '.join(map(str, opsets)) or 'none'} and operators of "
            f"{', '.join(sorted(domains)) or 'no other domain'}: export it at {opset}."
        )
    weights = [
        onnx.helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in network.graph.initializer
    ]
    return onnx.helper.make_function(
        DOMAIN,
        name,
        inputs or [tensor.name for tensor in network.graph.input],
        outputs or [tensor.name for tensor in network.graph.output],
        [*weights, *network.graph.node],
        [onnx.helper.make_opsetid("", opset)],
    )


def constants_to_weights(graph: Any) -> None:
    """Turn the constants of a graph, in place, into weights; equal ones become one."""
    known: dict[bytes, str] = {}  # by hash: the weights of a network are large
    renamed: dict[str, str] = {}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type != "Constant" or node.attribute[0].name != "value":
            nodes.append(node)
            continue
        tensor, name = node.attribute[0].t, node.output[0]
        tensor.name = ""
        content = hashlib.sha256(tensor.SerializeToString(deterministic=True)).digest()
        if content in known:
            renamed[name] = known[content]
            continue
        tensor.name = known[content] = name
        graph.initializer.append(tensor)
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    others = type(graph)()  # nodes taken from a graph do not outlive it: they are copied first
    others.node.extend(nodes)
    del graph.node[:]
    graph.node.extend(others.node)
