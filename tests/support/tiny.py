"""A bundle of a few kilobytes whose every weight is known: linear networks, made with onnx."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lpel_serving.bundle.comparison_record import COMPARISON_FILE
from lpel_serving.bundle.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    EMBEDDING,
    IMAGE,
    MANIFEST_FILE,
    PLAUSIBILITY_FILE,
    RECONSTRUCTION,
    RESPONSE,
    RESPONSE_FILE,
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ResponseRecord,
    SurrogateRecord,
    ThresholdRecord,
)
from lpel_serving.bundle.plausibility_record import FittedPlausibility, to_bytes
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.support.image_shape import square

IMAGE_SIZE = 16
DIMENSION = 6
TARGET_SIZE = 8
SIDE = 4
"""Superpixels along one side, of the response decoder."""
THRESHOLD = 0.25


def embedder_kernel() -> np.ndarray:
    """float32, shape (16 * 16 * 3, 6): an embedding is ``pixels / 255 @ kernel``."""
    kernel = np.random.default_rng(1).normal(size=(IMAGE_SIZE * IMAGE_SIZE * 3, DIMENSION))
    return (kernel / np.sqrt(len(kernel))).astype(np.float32)


def decoder_kernel() -> np.ndarray:
    """float32, shape (6, 8 * 8 * 3): a reconstruction is ``embedding @ kernel + 0.5``."""
    shape = (DIMENSION, TARGET_SIZE * TARGET_SIZE * 3)
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def responses_kernel() -> np.ndarray:
    """float32, shape (6, 4 * 4 * 6): responses are ``embedding @ kernel``."""
    kernel = np.random.default_rng(3).normal(size=(DIMENSION, SIDE * SIDE * DIMENSION))
    return (kernel / (SIDE * SIDE)).astype(np.float32)


def embed(crops: np.ndarray) -> np.ndarray:
    """The tiny embedder in numpy: crops, uint8, shape (N, 16, 16, 3)."""
    return (crops.reshape(len(crops), -1) / np.float32(255)) @ embedder_kernel()


def decode(embeddings: np.ndarray) -> np.ndarray:
    """The tiny decoder in numpy."""
    pixels = embeddings @ decoder_kernel() + np.float32(0.5)
    return pixels.reshape(-1, TARGET_SIZE, TARGET_SIZE, 3)


def respond(embeddings: np.ndarray) -> np.ndarray:
    """The tiny response decoder in numpy."""
    return (embeddings @ responses_kernel()).reshape(-1, SIDE * SIDE, DIMENSION)


def embedder_model(length: float = 1) -> onnx.ModelProto:
    """The tiny embedder in ONNX; its embeddings may be made so many times as long."""
    nodes = [
        helper.make_node("Cast", [IMAGE], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["unit"]),
        helper.make_node("Flatten", ["unit"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "kernel"], [EMBEDDING]),
    ]
    weights = {"white": np.array(255, np.float32), "kernel": embedder_kernel() * np.float32(length)}
    shape = ["batch", IMAGE_SIZE, IMAGE_SIZE, 3]
    image = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape)
    embedding = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", DIMENSION])
    return _model(nodes, weights, image, embedding)


def decoder_model(length: float = 1) -> onnx.ModelProto:
    """The tiny decoder in ONNX, for embeddings that are so many times as long."""
    nodes = [
        helper.make_node("Gemm", [EMBEDDING, "kernel", "bias"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], [RECONSTRUCTION]),
    ]
    weights = {
        "kernel": decoder_kernel() / np.float32(length),
        "bias": np.full(TARGET_SIZE * TARGET_SIZE * 3, 0.5, np.float32),
        "shape": np.array([-1, TARGET_SIZE, TARGET_SIZE, 3], np.int64),
    }
    embedding = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", DIMENSION])
    shape = ["batch", TARGET_SIZE, TARGET_SIZE, 3]
    image = helper.make_tensor_value_info(RECONSTRUCTION, TensorProto.FLOAT, shape)
    return _model(nodes, weights, embedding, image)


def responses_model() -> onnx.ModelProto:
    """The tiny response decoder in ONNX."""
    nodes = [
        helper.make_node("MatMul", [EMBEDDING, "kernel"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], [RESPONSE]),
    ]
    weights = {
        "kernel": responses_kernel(),
        "shape": np.array([-1, SIDE, SIDE, DIMENSION], np.int64),
    }
    embedding = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", DIMENSION])
    shape = ["batch", SIDE, SIDE, DIMENSION]
    response = helper.make_tensor_value_info(RESPONSE, TensorProto.FLOAT, shape)
    return _model(nodes, weights, embedding, response)


def write_bundle(
    folder: Path,
    embedder: bytes | None = None,
    decoder: bytes | None = None,
    responses: bytes | None = None,
    *,
    responds: bool = False,
    decodes: bool = True,
    plausibility: FittedPlausibility | None = None,
    surrogate: SurrogateGraphs | None = None,
    surrogate_record: SurrogateRecord | None = None,
    head: bytes | None = None,
    **changes: object,
) -> Path:
    """Write a tiny bundle, its hashes right; fields of the manifest may be changed.

    With `responds`, or with the bytes of one, it has a response decoder; without `decodes` it has
    no decoder. For one with a surrogate see `support.tiny_surrogate`.
    """
    contents = {EMBEDDER_FILE: embedder or embedder_model().SerializeToString()}
    if decodes:
        contents[DECODER_FILE] = decoder or decoder_model().SerializeToString()
    responds = responds or responses is not None
    if responds:
        contents[RESPONSE_FILE] = responses or responses_model().SerializeToString()
    if surrogate is not None:
        contents |= surrogate.files
    if head is not None:
        contents[COMPARISON_FILE] = head
    if plausibility is not None:
        contents[PLAUSIBILITY_FILE] = to_bytes(plausibility.check)
    manifest = Manifest(
        files={
            name: FileRecord(hashlib.sha256(data).hexdigest(), len(data))
            for name, data in contents.items()
        },
        embedder=EmbedderRecord("tiny", square(IMAGE_SIZE), DIMENSION, "unit"),
        decoder=DecoderRecord(square(TARGET_SIZE), {"method": "none"}) if decodes else None,
        crop="none",
        threshold=ThresholdRecord(THRESHOLD, {"how": "made up for the tests"}),
        responses=ResponseRecord(SIDE, {"method": "none"}) if responds else None,
        surrogate=surrogate_record,
        plausibility=None if plausibility is None else plausibility.record,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    text = replace(manifest, **changes).to_json()
    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return folder


def _model(
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    given: onnx.ValueInfoProto,
    wanted: onnx.ValueInfoProto,
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", [given], [wanted], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
