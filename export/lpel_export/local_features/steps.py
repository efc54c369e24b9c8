"""Operations that are appended to a graph, under names that begin alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require


class Steps:
    """A list of operations in the making, and their constants.

    Parameters
    ----------
    prefix
        Of the names of new nodes and tensors, without which no name of the graph begins.

    Attributes
    ----------
    nodes
        ``onnx.NodeProto``, in their order.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._constants: dict[str, NDArray[Any]] = {}
        self.nodes: list[Any] = []

    @property
    def constants(self) -> list[Any]:
        """The constants, as ``onnx.TensorProto``."""
        onnx = require("onnx", "export")
        return [onnx.numpy_helper.from_array(one, name) for name, one in self._constants.items()]

    def step(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append an operation of one output, and return its full name."""
        name = f"{self._prefix}{output}"
        onnx = require("onnx", "export")
        self.nodes.append(onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[Any] | list[int]) -> str:
        """Add a constant, a list as int64, and return its full name."""
        array = np.array(values, np.int64) if isinstance(values, list) else values
        self._constants[full := f"{self._prefix}{name}"] = array
        return full
