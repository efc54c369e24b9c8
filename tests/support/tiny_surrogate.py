"""A tiny bundle with a surrogate: `support.tiny` with local features, whose every weight is known.

The local features of a superpixel are its mean colour. What a coalition takes is what the
embedder's weights make of the change of mean colour, through a tangent, so that it is not additive.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    DONOR_FEATURES,
    EFFECTS,
    EMBEDDING,
    FILL,
    LOCAL_FEATURES,
    MASKED_EMBEDDING,
    SHOWN_STATE,
    SurrogateRecord,
)
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.errors import ParameterError
from support import tiny

K, CHANNELS = tiny.SIDE**2, 3
FILLS = ("normal", "mean", "blur", "transplant")
COLOURS = np.array([[0.5] * 3, [0.4, 0.5, 0.6], [0.6, 0.4, 0.5], [0] * 3], np.float32)
"""What each fill makes of a superpixel's mean colour; the last is not used."""
RECORD = SurrogateRecord(tiny.SIDE, CHANNELS, FILLS, ("squares",), {"method": "none"})

_BLOCK = tiny.IMAGE_SIZE // tiny.SIDE


def kernel() -> np.ndarray:
    """float32, shape (16, 3, 6): what the mean colour of a superpixel does to the embedding."""
    squares = tiny.embedder_kernel().reshape(tiny.SIDE, _BLOCK, tiny.SIDE, _BLOCK, 3, -1)
    return squares.sum(axis=(1, 3)).reshape(K, CHANNELS, tiny.DIMENSION)


def features(crops: np.ndarray) -> ImageFeatures:
    """Both outputs of the tiny embedder in numpy."""
    squares = crops.reshape(-1, tiny.SIDE, _BLOCK, tiny.SIDE, _BLOCK, 3) / np.float32(255)
    local = squares.mean(axis=(2, 4)).reshape(len(crops), K, CHANNELS)
    return ImageFeatures(tiny.embed(crops), local.astype(np.float32))


def simulate(
    images: ImageFeatures, fill: str, donors: ImageFeatures | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """The tiny surrogate in numpy; like the engine's it refuses a fill that it does not know."""
    if fill not in FILLS:
        raise ParameterError(f"the surrogate knows the fills {FILLS}; received {fill!r}.")
    given = COLOURS[FILLS.index(fill)] if donors is None else donors.local
    changes = np.einsum("nkc,kcd->nkd", images.local - given, kernel())
    whole = unit(images.embeddings)[:, np.newaxis]

    def simulation(coalitions: np.ndarray) -> np.ndarray:
        losses = np.tanh(coalitions.astype(np.float32) @ changes)
        return (whole - losses).astype(np.float32)

    return simulation


def embedder_model(length: float = 1) -> onnx.ModelProto:
    """The tiny embedder in ONNX, with local features."""
    nodes = [
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["squares"], kernel_shape=[_BLOCK] * 2, strides=[_BLOCK] * 2
        ),
        helper.make_node("Reshape", ["squares", "grid"], ["rows"]),
        helper.make_node("Transpose", ["rows"], [LOCAL_FEATURES], perm=[0, 2, 1]),
    ]
    model = tiny.embedder_model(length)
    model.graph.node.extend(nodes)
    grid = onnx.numpy_helper.from_array(np.array([0, CHANNELS, K], np.int64), "grid")
    model.graph.initializer.append(grid)
    shape = ["batch", K, CHANNELS]
    wanted = helper.make_tensor_value_info(LOCAL_FEATURES, TensorProto.FLOAT, shape)
    model.graph.output.append(wanted)
    onnx.checker.check_model(model)
    return model


def surrogate_model() -> onnx.ModelProto:
    """The first graph of the tiny surrogate: the state is what is lost before the tangent."""
    nodes = [
        helper.make_node("Gather", ["colours", FILL], ["colour"]),
        helper.make_node("Equal", [FILL, "transplant"], ["transplanted"]),
        helper.make_node("Where", ["transplanted", DONOR_FEATURES, "colour"], ["given"]),
        helper.make_node("Sub", [LOCAL_FEATURES, "given"], ["apart"]),
        # OpenCV's MatMul goes wrong where a kernel for each superpixel meets several images.
        helper.make_node("Unsqueeze", ["apart", "three"], ["columns"]),
        helper.make_node("Mul", ["columns", "kernel"], ["products"]),
        helper.make_node("ReduceSum", ["products", "two"], ["made"], keepdims=0),
        helper.make_node("MatMul", ["made", "itself"], ["changes"]),
        helper.make_node("Pad", ["changes", "pairs"], [EFFECTS]),  # pairs add nothing
        helper.make_node("Sub", [EMBEDDING, EMBEDDING], [SHOWN_STATE]),
    ]
    weights = {
        "colours": COLOURS,
        "transplant": np.array(FILLS.index("transplant"), np.int64),
        "kernel": kernel(),
        "itself": np.eye(tiny.DIMENSION, dtype=np.float32),  # a weight to draw anew
        "two": np.array([2], np.int64),
        "three": np.array([3], np.int64),
        "pairs": np.array([0, 0, 0, 0, _pairs(), 0], np.int64),
    }
    vector, local = ["image", tiny.DIMENSION], ["image", K, CHANNELS]
    inputs = {
        EMBEDDING: vector,
        LOCAL_FEATURES: local,
        DONOR_EMBEDDING: vector,
        DONOR_FEATURES: local,
    }
    fill = helper.make_tensor_value_info(FILL, TensorProto.INT64, [])
    return _model(nodes, weights, inputs, _hidden(), fill)


def simulation_model() -> onnx.ModelProto:
    """The second graph of the tiny surrogate."""
    nodes = [
        helper.make_node("Slice", [EFFECTS, "first", "last", "one"], ["changes"]),
        helper.make_node("MatMul", [COALITION, "changes"], ["sums"]),
        helper.make_node("Unsqueeze", [SHOWN_STATE, "one"], ["shown"]),
        helper.make_node("Add", ["shown", "sums"], ["states"]),
        helper.make_node("Tanh", ["states"], ["active"]),
        helper.make_node("MatMul", ["active", "itself"], ["losses"]),
        helper.make_node("Unsqueeze", [EMBEDDING, "one"], ["whole"]),
        helper.make_node("Sub", ["whole", "losses"], [MASKED_EMBEDDING]),
    ]
    weights = {
        name: np.array([n], np.int64) for name, n in {"first": 0, "last": K, "one": 1}.items()
    }
    weights["itself"] = np.eye(tiny.DIMENSION, dtype=np.float32)  # a weight to draw anew
    vector = ["image", tiny.DIMENSION]
    inputs = {
        **_hidden(),
        EMBEDDING: vector,
        DONOR_EMBEDDING: vector,
        COALITION: ["image_or_one", "coalition", K],
    }
    masked = {MASKED_EMBEDDING: ["image", "coalition", tiny.DIMENSION]}
    return _model(nodes, weights, inputs, masked)


def graphs(
    surrogate: onnx.ModelProto | None = None, simulation: onnx.ModelProto | None = None
) -> SurrogateGraphs:
    """Both, perhaps one of them altered."""
    models = (surrogate or surrogate_model(), simulation or simulation_model())
    return SurrogateGraphs(*(model.SerializeToString() for model in models))


def _pairs() -> int:
    return 2 * tiny.SIDE * (tiny.SIDE - 1)


def _hidden() -> dict[str, list]:
    return {
        SHOWN_STATE: ["image", tiny.DIMENSION],
        EFFECTS: ["image", K + _pairs(), tiny.DIMENSION],
    }


def _model(nodes, weights, inputs, outputs, *others) -> onnx.ModelProto:
    given, made = (
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in of.items()
        ]
        for of in (inputs, outputs)
    )
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny surrogate", [*given, *others], made, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def write_bundle(folder: Path, **changes: object) -> Path:
    """Write a tiny bundle with a response decoder and a surrogate: see `support.tiny`."""
    given = {
        "embedder": embedder_model().SerializeToString(),
        "surrogate": graphs(),
        "responds": True,
        "surrogate_record": RECORD,
    }
    return tiny.write_bundle(folder, **(given | changes))


def noise(count: int, seed: int = 0) -> np.ndarray:
    """Crops of noise, uint8, shape (count, 16, 16, 3)."""
    shape = (count, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def coalitions(count: int, seed: int = 0) -> np.ndarray:
    """Coalitions of any size, the empty one first, shape (count, 16)."""
    drawn = np.random.default_rng(seed).random((count, K)) < np.linspace(0, 1, count)[:, np.newaxis]
    return np.asarray(drawn)


class Simulating:
    """A method that asks the surrogate alone: what each superpixel takes when it is replaced."""

    needs = ("surrogate",)

    def __call__(self, pair, networks, rng):
        images = networks.features(np.stack([pair.test, pair.reference]))
        fill = FILLS[0]
        alone = networks.simulate(images[[0]], fill)(np.eye(K, dtype=bool))[0]
        effect = unit(pair.h_r) @ (unit(pair.h_t) - alone).T
        sign = 1 if pair.similar else -1
        return (sign * effect).reshape(tiny.SIDE, tiny.SIDE).astype(np.float32)


def count_passes(embedder) -> list[tuple[int, bool]]:
    """Note every run of an embedder from now on: how many crops, and whether for features."""
    passes: list[tuple[int, bool]] = []
    embed, both = embedder.embed, embedder.features

    def embed_and_note(crops, *rest):
        passes.append((len(crops), False))
        return embed(crops, *rest)

    def features_and_note(crops, *rest):
        passes.append((len(crops), True))
        return both(crops, *rest)

    embedder.embed, embedder.features = embed_and_note, features_and_note
    return passes
