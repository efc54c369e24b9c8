"""Reads ONNX networks that are to be rewritten, and finds the layers worth converting.

An embedder is preparation of pixels, a stretch of weighted operations, and a normalisation. Only
the stretch is worth a smaller precision: it holds the weights and takes the time.
"""

import heapq
from collections.abc import Collection, Sequence
from typing import Any

from lpel_export.conversion.keras_to_onnx import OPSET
from lpel_export.support.errors import ConversionError, ModelShapeError, reason_of
from lpel_export.support.plain_graph import STANDARD, load_plain_graph
from lpel_serving.support.extras import require

_OLDEST_OPSET = 13
"""Quantisation by channel is not older."""
_REDUCED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv"}


def load_network(model: bytes) -> Any:
    """Read a float32 ONNX model of one plain graph, its shapes inferred.

    Raises
    ------
    ModelShapeError
        If it is not valid ONNX with all of its tensors inside and all operations in one graph.
    ConversionError
        If its opset is too old, or its precision has been reduced already.
    """
    onnx = require("onnx", "export")
    network = load_plain_graph(model, "whose precision cannot be changed")
    try:
        network = onnx.shape_inference.infer_shapes(network)
    except onnx.shape_inference.InferenceError as error:
        reason = reason_of(error)
        raise ModelShapeError(f"the model is not valid ONNX: {reason}") from error
    _check_float32(onnx, network)
    return network


def _check_float32(onnx: Any, network: Any) -> None:
    opset = max((e.version for e in network.opset_import if e.domain in STANDARD), default=0)
    if opset < _OLDEST_OPSET:
        raise ConversionError(
            f"expected an opset from {_OLDEST_OPSET}, received {opset}: export it at {OPSET}."
        )
    types = {tensor.data_type for tensor in network.graph.initializer}
    if onnx.TensorProto.FLOAT16 in types or any(n.op_type in _REDUCED for n in network.graph.node):
        raise ConversionError(
            "expected a model of float32, received one whose precision was reduced already: start "
            "from the float32 export."
        )


def stretch(graph: Any, kinds: Collection[str]) -> list[Any]:
    """The nodes from the first to the last of some kinds of operation, in the graph's order.

    Raises
    ------
    ModelShapeError
        If there is none of them.
    """
    nodes: Sequence[Any] = graph.node
    places = [
        place
        for place, node in enumerate(nodes)
        if node.op_type in kinds and node.domain in STANDARD
    ]
    if not places:
        raise ModelShapeError(
            f"expected a network with {' or '.join(kinds)} in it, whose weights can be stored in "
            f"a smaller precision; received {sorted({node.op_type for node in nodes})}."
        )
    return list(nodes[places[0] : places[-1] + 1])


def crossing(graph: Any, nodes: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The tensors that some nodes take from the rest of a graph, and those that they give to it."""
    constants = {tensor.name for tensor in graph.initializer}
    made = {name: None for node in nodes for name in node.output if name}
    taken = {name: None for node in nodes for name in node.input if name}
    inside = {node.name for node in nodes}
    wanted = {tensor.name for tensor in graph.output} | {
        name for node in graph.node if node.name not in inside for name in node.input
    }
    given = [name for name in made if name in wanted]
    return [name for name in taken if name not in made and name not in constants], given


def name_nodes(graph: Any) -> None:
    """Give a name to nodes that lack one, and another to those that share one, in place."""
    seen: set[str] = set()
    for place, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.name or node.op_type}#{place}"
        seen.add(node.name)


def metadata(network: Any) -> dict[str, str]:
    """What stands in ``metadata_props``."""
    return {entry.key: entry.value for entry in network.metadata_props}


def sort_nodes(graph: Any) -> None:
    """Order the nodes so that each comes after what it needs, in place."""
    known = {tensor.name for tensor in (*graph.input, *graph.initializer)} | {""}
    needs = {place: set(node.input) - known for place, node in enumerate(graph.node)}
    users: dict[str, list[int]] = {}
    for place, names in needs.items():
        for name in names:
            users.setdefault(name, []).append(place)
    ready = [place for place, names in needs.items() if not names]
    heapq.heapify(ready)  # of those that could come, the one that came first
    ordered: list[Any] = []
    while ready:
        node = graph.node[heapq.heappop(ready)]
        ordered.append(node)
        for name in node.output:
            for place in users.get(name, ()):
                needs[place].discard(name)
                if not needs[place]:
                    heapq.heappush(ready, place)
    del graph.node[:]
    graph.node.extend(ordered)
