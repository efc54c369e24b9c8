"""Randomisation of a network's weights, for the sanity check of Adebayo et al. (2018).

In their cascading randomisation the weights nearest to the output go first, then more and more of
those below. An explanation that does not change does not depend on what the network has learnt.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.support.errors import ModelShapeError
from lpel_export.support.plain_graph import STANDARD, load_plain_graph
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require

# Which inputs may be the weights; in a product they may stand on either side.
_WEIGHTS = {"Conv": (1,), "ConvTranspose": (1,), "Gemm": (1, 0), "MatMul": (1, 0)}
# What hands a tensor's values on as they are, or some of them.
_CARRIERS = {"Cast", "Gather", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
_FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")


def randomise_weights(model: bytes, share: float, rng: np.random.Generator) -> bytes:
    """Draw the weights of the topmost operations anew.

    Weighted operations are convolutions and matrix products with a constant side, their weights.
    Each such tensor is drawn from a normal distribution of its own mean and standard deviation.
    Biases and everything else stay, and all names. A tensor that several operations share changes
    for all of them. The draws go from the output downwards: from equal generators, a larger share
    adds to what a smaller one changes.

    Parameters
    ----------
    model
        A serialised ONNX model.
    share
        Of the weighted operations, in (0, 1]: so many of them, rounded but at least one, counted
        from the output backwards in the order of the graph.
    rng
        The source of randomness.

    Raises
    ------
    ParameterError
        If the share lies outside (0, 1].
    ModelShapeError
        If the model is not valid ONNX with all of its tensors inside and all operations in one
        graph, if no operation is weighted, or if a weight is not finite.
    """
    if not 0 < share <= 1:
        raise ParameterError(f"the share of the weights lies in (0, 1]; received {share}.")
    onnx = require("onnx", "export")
    network = load_plain_graph(model, "where weights are out of sight")
    weights = _weights(onnx, network.graph)
    if not weights:
        raise ModelShapeError(
            "the model has no weights to draw anew: it should have a constant tensor of floats "
            f"in at least one {', '.join(_WEIGHTS)}."
        )
    chosen = weights[-max(1, round(share * len(weights))) :]
    # By name, so that a shared tensor is drawn once, in its place nearest to the output.
    for name, tensor in dict(reversed(chosen)).items():
        _draw(onnx, name, tensor, rng)
    return network.SerializeToString()


def _weights(onnx: Any, graph: Any) -> list[tuple[str, Any]]:
    """The weights of each weighted operation, named, in the order of the graph."""
    floats = {onnx.TensorProto.DataType.Value(name) for name in _FLOATS}
    nodes = [node for node in graph.node if node.domain in STANDARD]
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in (node for node in nodes if node.op_type == "Constant"):
        held = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        constants |= dict(zip(node.output, held, strict=False))  # other kinds hold no tensor
    origins: dict[str, str] = {}
    for node in (node for node in nodes if node.op_type in _CARRIERS):
        source: str = node.input[0]
        origins[node.output[0]] = origins.get(source, source)
    found: list[tuple[str, Any]] = []
    for node in nodes:
        sides: list[str] = [node.input[place] for place in _WEIGHTS.get(node.op_type, ())]
        names = [origins.get(side, side) for side in sides]
        tensors = [(name, constants[name]) for name in names if name in constants]
        found += [(name, tensor) for name, tensor in tensors if tensor.data_type in floats][:1]
    return found


def _draw(onnx: Any, name: str, tensor: Any, rng: np.random.Generator) -> None:
    """Replace the values of a tensor in place."""
    try:
        old: NDArray[Any] = onnx.numpy_helper.to_array(tensor)
    except ValueError as error:  # of too many values the checker says nothing
        raise ModelShapeError(f"the weights {name} do not fit their shape: {error}.") from error
    values = old.astype(np.float64)
    if not (values.size and np.isfinite(values).all()):
        raise ModelShapeError(f"the weights {name} are empty, or hold NaN or infinity.")
    drawn: NDArray[np.float64] = rng.normal(values.mean(), values.std(), values.shape)
    for field in ("float_data", "double_data", "int32_data"):
        tensor.ClearField(field)
    tensor.raw_data = onnx.numpy_helper.from_array(drawn.astype(old.dtype)).raw_data
