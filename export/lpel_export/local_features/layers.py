"""Finds the layers of an embedder that local features are computed from.

A *cut tensor* is one through which every path from the image to the embedding goes: all that the
embedding knows of the image is there, and nothing of it is elsewhere. Those of a convolutional
network still have places, as shape (batch, channels, height, width).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lpel_export.local_features.layer import Layer
from lpel_export.local_features.patches import PATCHES, image_shape, patches_of
from lpel_export.support.errors import ModelShapeError, reason_of
from lpel_export.support.plain_graph import load_plain_graph
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape

WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv"}
"""The operations that hold weights: a tensor before the first of them is pixels, and no layer."""

_BORDER = 2
"""Places by which a layer may depart from a rectangular image's proportions: convolutions take as
many from the shorter side as from the longer one."""
_SIZES = {"Shape", "Size"}
"""Operations whose outputs depend on the shape of an image alone."""


def cut_layers(model: bytes) -> tuple[Layer, ...]:
    """List the cut tensors of an embedder that are layers, in the order of the computation.

    Parameters
    ----------
    model
        A serialised ONNX embedder, from `image` to `embedding`.

    Returns
    -------
    tuple[Layer, ...]
        Those behind the first weighted operation that have the image's proportions and whose sizes
        are known; where either of two axes may be the channels', as of a cube of equal sides, it is
        the first, as in ONNX's convolutions.

    Raises
    ------
    ModelShapeError
        If the model is not valid ONNX in one plain graph.
    """
    graph = _inferred(model)
    return _known(graph, _cut_tensors(_on_the_way(graph)))


def choose_layers(model: bytes, side: int, names: Sequence[str] | None = None) -> tuple[Layer, ...]:
    """Choose the layers that local features of a grid are computed from.

    The rule: the last cut tensor whose sides are at least that of the grid, for what is known of
    each place, and the last whose sides are at least twice that, for finer detail. For FaceNet and
    a grid of 8 by 8 these are Block17's last output, 8 by 8, and Block35's, 17 by 17. Where there
    is none, patches of the image take their place: see `lpel_export.local_features.patches`.

    Parameters
    ----------
    model
        A serialised ONNX embedder, from `image` to `embedding`.
    side
        Of the grid, K superpixels in all.
    names
        The names of tensors, or parts of the names that fit one layer alone, instead of the rule;
        `PATCHES` alone for patches of the image.

    Returns
    -------
    tuple[Layer, ...]
        One or two by the rule, from the last to the first.

    Raises
    ------
    ModelShapeError
        If the model is not valid ONNX in one plain graph.
    ParameterError
        If there is no such layer, or it or the image is coarser than the grid; the message lists
        those that there are.
    """
    if names is not None:
        return _named(model, side, names)
    layers = cut_layers(model)
    chosen: list[Layer] = []
    for least in (side, 2 * side):
        last = next((layer for layer in reversed(layers) if layer.least >= least), None)
        if last is not None and last not in chosen:
            chosen.append(last)
    return tuple(chosen) or (patches_of(_inferred(model), side),)


def _named(model: bytes, side: int, names: Sequence[str]) -> tuple[Layer, ...]:
    graph = _inferred(model)
    if list(names) == [PATCHES]:
        return (patches_of(graph, side),)
    nodes = _on_the_way(graph)
    layers = _known(graph, [name for node in nodes for name in node.output])
    chosen = [_one_named(name, layers, _known(graph, _cut_tensors(nodes))) for name in names]
    coarse = [layer for layer in chosen if layer.least < side]
    if coarse or not chosen or len(set(chosen)) < len(chosen):
        raise ParameterError(
            f"expected different layers of {side} by {side} places or more, at least one; received "
            f"{_listed(chosen)}."
        )
    return tuple(chosen)


def _one_named(name: str, layers: Sequence[Layer], cut: Sequence[Layer]) -> Layer:
    exact = [layer for layer in layers if layer.name == name]
    fitting = exact or [layer for layer in layers if name in layer.name]
    if len(fitting) != 1:
        raise ParameterError(
            f"{name!r} names {'no layer' if not fitting else f'{len(fitting)} layers'} of this "
            f"network; those that all of its computation goes through: {_listed(cut)}."
        )
    return fitting[0]


def _listed(layers: Sequence[Layer]) -> str:
    return "; ".join(
        f"{one.name} ({one.channels} x {one.height} x {one.width})" for one in layers
    ) or ("none")


def _inferred(model: bytes) -> Any:
    """Read the graph of an embedder, its shapes inferred."""
    onnx = require("onnx", "export")
    network = load_plain_graph(model, "whose layers cannot be found")
    names = {tensor.name for tensor in (*network.graph.input, *network.graph.output)}
    if not names >= {IMAGE, EMBEDDING}:
        raise ModelShapeError(
            f"expected an embedder from {IMAGE!r} to {EMBEDDING!r}, received a model with the "
            f"tensors {', '.join(sorted(names))}: export or adopt it first."
        )
    try:
        return onnx.shape_inference.infer_shapes(network, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        reason = reason_of(error)
        raise ModelShapeError(f"the model is not valid ONNX: {reason}") from error


def _on_the_way(graph: Any) -> list[Any]:
    """The nodes that the image goes through to the embedding, in order."""
    depends = {IMAGE}
    after: list[Any] = []
    for node in graph.node:
        if node.op_type not in _SIZES and depends & set(node.input):
            depends.update(node.output)
            after.append(node)
    needed = {EMBEDDING}
    on_the_way: list[Any] = []
    for node in reversed(after):
        if needed & set(node.output):
            needed.update(node.input)
            on_the_way.append(node)
    return on_the_way[::-1]


def _cut_tensors(nodes: Sequence[Any]) -> list[str]:
    """The tensors that alone are needed once they have been computed, behind the first weights."""
    uses = Counter(name for node in nodes for name in set(node.input))
    waiting: set[str] = {IMAGE}
    found: list[str] = []
    weighted = False
    for node in nodes:
        weighted = weighted or node.op_type in WEIGHTED
        for name in set(node.input) & waiting:
            uses[name] -= 1
            if not uses[name]:
                waiting.discard(name)
        waiting.update(name for name in node.output if uses[name])
        if weighted and len(waiting) == 1:
            found += waiting
    return list(dict.fromkeys(found))


def _known(graph: Any, names: Iterable[str]) -> tuple[Layer, ...]:
    """Those of some tensors that are layers."""
    tensors = {tensor.name: tensor.type.tensor_type for tensor in graph.value_info}
    image = image_shape(graph)
    layers = (_layer(name, tensors[name], image) for name in names if name in tensors)
    return tuple(layer for layer in layers if layer is not None)


def _layer(name: str, tensor: Any, image: ImageShape) -> Layer | None:
    onnx = require("onnx", "export")
    sizes = [one.dim_value for one in tensor.shape.dim][1:]
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(sizes) != 3 or not all(sizes):
        return None
    first, middle, last = sizes
    readings = (
        Layer(name, first, middle, last, "NCHW"),
        Layer(name, last, first, middle, "NHWC"),
    )
    best = min(readings, key=lambda one: _disproportion(one, image))
    allowed = 0 if image.height == image.width else _BORDER
    return best if _disproportion(best, image) <= allowed else None


def _disproportion(layer: Layer, image: ImageShape) -> float:
    """By how many places a layer is too high or too wide for the image's proportions."""
    height, width = (length or 1 for length in image[:2])  # 0 where it varies
    return abs(layer.height * width - layer.width * height) / max(height, width)
