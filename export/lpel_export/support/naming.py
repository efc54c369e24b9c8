"""Deterministic names of nodes and tensors, so that the same weights export to the same bytes.

Keras and tf2onnx number names through the life of a process, and of equal constants tf2onnx keeps
an arbitrary one.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require

_COUNTERS = re.compile(r"(__?\d+)+(?=/|$)")


def name_by_place(graph: Any) -> None:
    """Name nodes and tensors after their places, in place; inputs and outputs keep their names.

    Parameters
    ----------
    graph
        An ``onnx.GraphProto``. One with branches or loops is left as it is, since their bodies
        would refer to the old names.
    """
    if any(
        attribute.HasField("g") or attribute.graphs for n in graph.node for attribute in n.attribute
    ):
        return
    kept = {tensor.name for tensor in (*graph.input, *graph.output)}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for place, node in enumerate(graph.node):
        stem = _COUNTERS.sub("", node.name) or node.op_type
        node.name = f"{stem}#{place}"
        for kind, names in (("input", node.input), ("output", node.output)):
            for number, name in enumerate(names):
                if name and name not in kept and (kind == "output" or name in constants):
                    renamed.setdefault(name, f"{node.name}/{kind}{number}")
            names[:] = [renamed.get(name, name) for name in names]
    used = [constants[name] for name in renamed if name in constants]
    ordered = used + [tensor for name, tensor in constants.items() if name in kept]
    for tensor in ordered:
        tensor.name = renamed.get(tensor.name, tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(ordered)
    del graph.value_info[:]  # shapes that anybody can infer again, under the old names
    graph.doc_string = ""


def sort_by_use(graph: Any) -> None:
    """Sort nodes in place, each after those that it needs, in the order in which outputs need them.

    tf2onnx sorts branches of a graph differently each time. Nodes that no output needs are dropped.
    """
    makers = {name: node for node in graph.node for name in node.output}
    ordered: dict[str, Any] = {}  # by the first output, which is unique
    waiting = [(makers[tensor.name], False) for tensor in reversed(graph.output)]
    while waiting:
        node, ready = waiting.pop()
        if node.output[0] in ordered:
            continue
        if ready:
            ordered[node.output[0]] = node
            continue
        waiting.append((node, True))
        needed = [makers[name] for name in reversed(node.input) if name in makers]
        waiting += [(one, False) for one in needed]
    nodes = list(ordered.values())
    del graph.node[:]
    graph.node.extend(nodes)


def name_constants(graph: Any, constants: Mapping[str, NDArray[np.float32]]) -> None:
    """Give constants of a graph the names of arrays that they equal, in place."""
    to_array = require("onnx", "export").numpy_helper.to_array
    names = {(one.shape, one.astype(np.float32).tobytes()): name for name, one in constants.items()}
    renamed: dict[str, str] = {}
    for tensor in graph.initializer:
        array = to_array(tensor)
        name = names.pop((array.shape, array.tobytes()), None)
        if name is not None:
            renamed[tensor.name] = name
            tensor.name = name
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
