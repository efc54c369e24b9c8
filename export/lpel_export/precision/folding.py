"""Folding of constant scale factors after convolutions into their weights.

Residual networks scale a branch before they add it. In 8 bits that would be one more operation and
one more rounding.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from lpel_serving.support.extras import require


def fold_factors(graph: Any, keep: Collection[str] = ()) -> None:
    """Fold every product of a convolution and one constant number, in place.

    Parameters
    ----------
    graph
        An ``onnx.GraphProto`` whose nodes have names of their own.
    keep
        Names of products to leave as they are.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(tensor.name for tensor in graph.output)
    products = [node for node in graph.node if node.op_type == "Mul" and node.name not in keep]
    for product in products:
        for source, factor in (tuple(product.input), tuple(reversed(product.input))):
            node = made.get(source)
            if (
                node is not None
                and node.op_type == "Conv"
                and uses[source] == 1
                and constants.keys() >= {factor, *node.input[1:]}
                and _is_number(constants[factor], constants[node.input[1]])
            ):
                _scale(graph, constants, node, factor)
                node.output[0] = product.output[0]
                graph.node.remove(product)
                break


def _is_number(factor: Any, weights: Any) -> bool:
    """Whether a constant is one number, of no more axes than what it is multiplied with."""
    return all(size == 1 for size in factor.dims) and len(factor.dims) <= len(weights.dims)


def _scale(graph: Any, constants: dict[str, Any], node: Any, factor: str) -> None:
    numpy_helper = require("onnx", "export").numpy_helper
    number = numpy_helper.to_array(constants[factor]).reshape(())
    for place in range(1, len(node.input)):
        scaled = numpy_helper.to_array(constants[node.input[place]]) * number
        node.input[place] = f"{node.name}/scaled {place}"  # others may use the old ones
        tensor = numpy_helper.from_array(scaled.astype(np.float32), node.input[place])
        graph.initializer.append(tensor)
