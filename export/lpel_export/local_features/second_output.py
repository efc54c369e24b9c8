"""Writes local features into an embedder as a second output, and takes them out again.

The nodes that make the embedding stay as they are, and so do its bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import BATCH
from lpel_export.local_features.grid import averaging_nodes
from lpel_export.local_features.layer import Layer
from lpel_export.support.errors import ConversionError, reason_of
from lpel_serving.bundle.manifest import EMBEDDING, LOCAL_FEATURES
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require

_PREFIX = f"{LOCAL_FEATURES}/"


@dataclass(frozen=True, eq=False)
class Reduction:
    """What makes local features of the averages of layers: standardised, then reduced, in one step.

    Attributes
    ----------
    matrix
        Float32, shape (channels of all layers, C).
    bias
        Float32, shape (C,).
    """

    matrix: Floats
    bias: Floats

    def __call__(self, averages: Floats) -> Floats:
        """Compute local features, shape (N, K, C), of averages (N, K, channels of all layers)."""
        return averages @ self.matrix + self.bias


def reduction(mean: Floats, scale: Floats, projection: Floats) -> Reduction:
    """Fold a standardisation and a projection: ``(averages - mean) / scale @ projection``.

    Parameters
    ----------
    mean, scale
        Of the channels of all layers, shape (channels,); no scale is 0.
    projection
        Shape (channels, C).
    """
    matrix = np.asarray(projection, np.float64) / np.asarray(scale, np.float64)[:, np.newaxis]
    bias = -np.asarray(mean, np.float64) @ matrix
    return Reduction(matrix.astype(np.float32), bias.astype(np.float32))


def with_averages(model: bytes, layers: Sequence[Layer], side: int) -> bytes:
    """Give an embedder the averages of layers as second output, for training: nothing is reduced.

    See `with_local_features`; the output has the channels of all layers, one layer after the other.
    """
    return _with_second_output(model, layers, side, None)


def with_local_features(
    model: bytes, layers: Sequence[Layer], side: int, reduced: Reduction
) -> bytes:
    """Give an embedder the second output `local_features`, shape (batch, K, C).

    Parameters
    ----------
    model
        A serialised ONNX embedder. Local features that it has already are replaced.
    layers
        What they are computed from: see `lpel_export.local_features.layers.choose_layers`.
    side
        Of the grid, K = side * side superpixels.
    reduced
        How the averages become C numbers.

    Raises
    ------
    ParameterError
        If the reduction is of other channels or not finite, or a layer is coarser than the grid.
    ConversionError
        If a layer is not one of this model.
    """
    channels = sum(layer.channels for layer in layers)
    matrix, bias = reduced.matrix, reduced.bias
    fits = matrix.ndim == 2 and matrix.shape[0] == channels and bias.shape == matrix.shape[1:]
    if not (fits and np.isfinite(matrix).all() and np.isfinite(bias).all()):
        raise ParameterError(
            f"expected a finite matrix of shape ({channels}, C) and a bias of shape (C,) for "
            f"layers of {channels} channels together, received {matrix.shape} and {bias.shape}."
        )
    return _with_second_output(model, layers, side, reduced)


def _with_second_output(
    model: bytes, layers: Sequence[Layer], side: int, reduced: Reduction | None
) -> bytes:
    onnx = require("onnx", "export")
    network = onnx.load_from_string(without_local_features(model))
    nodes, tensors = averaging_nodes(layers, side, _PREFIX)
    channels = sum(layer.channels for layer in layers)
    if reduced is None:
        nodes[-1].output[:] = [LOCAL_FEATURES]
    else:
        channels = reduced.matrix.shape[1]
        matrix, bias, product = (f"{_PREFIX}{name}" for name in ("matrix", "bias", "product"))
        make = onnx.helper.make_node
        all_of_them = nodes[-1].output[0]
        nodes.append(make("MatMul", [all_of_them, matrix], [product], name=product))
        nodes.append(make("Add", [product, bias], [LOCAL_FEATURES], name=f"{_PREFIX}sum"))
        given = {matrix: reduced.matrix, bias: reduced.bias}
        tensors += [_tensor(value, name) for name, value in given.items()]
    network.graph.node.extend(nodes)
    network.graph.initializer.extend(tensors)
    wanted = [BATCH, side * side, channels]
    kind = onnx.TensorProto.FLOAT
    _add_output(network, onnx.helper.make_tensor_value_info(LOCAL_FEATURES, kind, wanted))
    return _checked(network)


def _tensor(values: NDArray[Any], name: str) -> Any:
    contiguous = np.ascontiguousarray(values, np.float32)
    return require("onnx", "export").numpy_helper.from_array(contiguous, name)


def without_local_features(model: bytes) -> bytes:
    """Take the second output out of an embedder, with all that computes it alone."""
    return take_out(model).model if has_local_features(model) else model


def has_local_features(model: bytes) -> bool:
    """Whether an embedder has the second output."""
    network = require("onnx", "export").load_from_string(model)
    return any(tensor.name == LOCAL_FEATURES for tensor in network.graph.output)


@dataclass(frozen=True, eq=False)
class TakenOut:
    """An embedder without its local features, and what computed them.

    Attributes
    ----------
    model
        The embedder alone.
    nodes, tensors
        The operations, and their constants.
    layers
        The tensors of the embedder that they take: ``onnx.ValueInfoProto``.
    output
        The second output.
    """

    model: bytes
    nodes: Sequence[Any]
    tensors: Sequence[Any]
    layers: Sequence[Any]
    output: Any

    @property
    def with_layers(self) -> bytes:
        """The embedder with its layers as outputs, so that their names survive a conversion."""
        network = require("onnx", "export").load_from_string(self.model)
        network.graph.output.extend(self.layers)
        return network.SerializeToString()

    def put_back(self, model: bytes) -> bytes:
        """Let a model that was made of `with_layers`, layers still outputs, give local features."""
        network = require("onnx", "export").load_from_string(model)
        for place in reversed(range(len(network.graph.output))):
            if network.graph.output[place].name != EMBEDDING:
                del network.graph.output[place]
        network.graph.node.extend(self.nodes)
        network.graph.initializer.extend(self.tensors)
        _add_output(network, self.output)
        return _checked(network)


def take_out(model: bytes) -> TakenOut:
    """Split an embedder that has local features into what makes its embedding, and the rest."""
    onnx = require("onnx", "export")
    network = onnx.load_from_string(model)
    graph = network.graph
    output = next(tensor for tensor in graph.output if tensor.name == LOCAL_FEATURES)
    needed = {EMBEDDING}
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(node.input)
    own = [node for node in graph.node if not needed & set(node.output)]
    made = {name for node in own for name in node.output}
    taken = {name: None for node in own for name in node.input if name and name not in made}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    tensors = [constants[name] for name in taken if name in constants]
    inferred = onnx.shape_inference.infer_shapes(network, data_prop=True).graph
    known = {tensor.name: tensor for tensor in inferred.value_info}
    layers = [known[name] for name in taken if name in known]  # patches take the image itself
    alone = onnx.ModelProto()
    alone.CopyFrom(network)
    del alone.graph.node[:]
    alone.graph.node.extend(node for node in graph.node if needed & set(node.output))
    del alone.graph.initializer[:]
    alone.graph.initializer.extend(one for one in graph.initializer if one.name in needed)
    del alone.graph.output[:]
    alone.graph.output.extend(one for one in graph.output if one.name == EMBEDDING)
    return TakenOut(alone.SerializeToString(), own, tensors, layers, output)


def _add_output(network: Any, output: Any) -> None:
    network.graph.output.append(output)
    del network.graph.value_info[:]  # anybody can infer them again


def _checked(network: Any) -> bytes:
    onnx = require("onnx", "export")
    try:
        onnx.checker.check_model(network, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = reason_of(error)
        raise ConversionError(
            f"local features cannot be computed from these layers of the embedder: {reason}. "
            "Choose the layers from this very model."
        ) from error
    return network.SerializeToString()
