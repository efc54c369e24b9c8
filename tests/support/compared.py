"""Tiny bundles that compare by cosine, by distance, and by a learned head."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from lpel_serving.bundle.comparison_record import (
    REFERENCE_EMBEDDING,
    SIMILARITY,
    TEST_EMBEDDING,
    ComparisonRecord,
)
from lpel_serving.bundle.manifest import ThresholdRecord
from support import tiny, tiny_surrogate

KINDS = ("cosine", "euclidean", "head")
LENGTH = 7
"""The tiny embeddings are made so many times as long: few networks give unit lengths."""
SPREAD = 2.5
COSINE = 0.95
"""The threshold on the cosine."""
DISTANCE = 2.2
"""The threshold on the distance of embeddings."""
SCORE = 0.45
"""The threshold on the head's score."""
WEIGHTS = np.linspace(0.2, 0.9, tiny.DIMENSION, dtype=np.float32)
BIAS = np.float32(3)


def score(h_r: np.ndarray, h_t: np.ndarray) -> np.ndarray:
    """The head in numpy: a sigmoid of the weighted differences (Koch et al. 2015)."""
    logit = BIAS - np.abs(h_r - h_t).astype(np.float64) @ WEIGHTS.astype(np.float64)
    return 1 / (1 + np.exp(-logit))


def head_model(*, symmetric: bool = True, squashed: bool = True, column: bool = False) -> bytes:
    """The head in ONNX; perhaps one that exchanging its inputs changes, or without a sigmoid."""
    nodes = [
        helper.make_node("Sub", ["h_r", "h_t"], ["apart"]),
        helper.make_node("Abs" if symmetric else "Relu", ["apart"], ["size"]),
        helper.make_node("MatMul", ["size", "weights"], ["sum"]),
        helper.make_node("Sub", ["bias", "sum"], ["logit"]),
        helper.make_node("Sigmoid" if squashed else "Identity", ["logit"], ["made"]),
    ]
    weights = WEIGHTS[:, np.newaxis] if column else WEIGHTS
    tensors = {"weights": weights, "bias": np.array(BIAS)}
    vector = ["batch", tiny.DIMENSION]
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, vector) for n in ("h_r", "h_t")]
    shape = ["batch", 1] if column else ["batch"]
    made = [helper.make_tensor_value_info("made", TensorProto.FLOAT, shape)]
    initial = [onnx.numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "head", given, made, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def own_head() -> bytes:
    """The same with the tensors of a bundle's head."""
    model = onnx.load_from_string(head_model())
    names = {"h_r": REFERENCE_EMBEDDING, "h_t": TEST_EMBEDDING, "made": SIMILARITY}
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model.SerializeToString()


def record(kind: str) -> ComparisonRecord:
    return ComparisonRecord() if kind == "cosine" else ComparisonRecord(kind, SPREAD)


def threshold(kind: str) -> float:
    """On the scale of similarities."""
    own = {"cosine": COSINE, "euclidean": DISTANCE, "head": SCORE}[kind]
    return record(kind).similarity_of(own)


def write_bundle(folder: Path, kind: str, length: float = LENGTH, **changes: object) -> Path:
    """A tiny bundle with a response decoder and a surrogate that compares in one of the ways."""
    return tiny_surrogate.write_bundle(
        folder,
        embedder=tiny_surrogate.embedder_model(length).SerializeToString(),
        decoder=tiny.decoder_model(length).SerializeToString(),
        comparison=record(kind),
        threshold=ThresholdRecord(threshold(kind), {"how": "made up for the tests"}),
        head=own_head() if kind == "head" else None,
        **changes,
    )
