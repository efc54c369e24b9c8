"""Joins two ONNX models for the import: the output of one feeds the input of the other."""

from collections.abc import Callable
from typing import Any

from lpel_export.adoption.received import inner_graphs
from lpel_serving.support.extras import require

Rename = Callable[[str], str]


def join(first: Any, second: Any) -> Any:
    """Feed the one output of a model to the one input of another, of the same opset.

    Unlike ``onnx.compose`` it follows names into branches and loops.

    Parameters
    ----------
    first, second
        ``onnx.ModelProto`` each; all tensors of the second are renamed in place.

    Returns
    -------
    onnx.ModelProto
        From the input of the first to the output of the second.
    """
    helper = require("onnx", "export").helper
    (given,), (passed,) = first.graph.input, first.graph.output
    (taken,), (wanted,) = second.graph.input, second.graph.output
    kept = {taken.name: passed.name, "": ""}
    _rename(second.graph, lambda name: kept.get(name, f"network/{name}"))
    graph = helper.make_graph(
        [*first.graph.node, *second.graph.node],
        "joined",
        [given],
        [wanted],
        [*first.graph.initializer, *second.graph.initializer],
        sparse_initializer=second.graph.sparse_initializer,
    )
    return helper.make_model(graph, opset_imports=first.opset_import, ir_version=second.ir_version)


def _rename(graph: Any, new: Rename) -> None:
    """Rename every tensor of a graph and of those within it, in place."""
    sparse = [one.values for one in graph.sparse_initializer]
    for tensor in (*graph.input, *graph.output, *graph.initializer, *graph.value_info, *sparse):
        tensor.name = new(tensor.name)
    for node in graph.node:
        node.name = f"network/{node.name}" if node.name else ""
        node.input[:] = map(new, node.input)
        node.output[:] = map(new, node.output)
        for inner in inner_graphs(node):
            _rename(inner, new)
