"""A small convolutional embedder with layers of two sides, as FaceNet's are, made with onnx."""

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, DIMENSION = 35, 6
FINE, COARSE = (6, 17, 17), (10, 8, 8)
"""Channels, height and width."""
"""Channels and sides of the two layers."""
METADATA = {"name": "convolutional", "image_size": str(SIZE)}


def embedder(layout: Literal["NCHW", "NHWC"] = "NCHW", *, widest: bool = False) -> bytes:
    """Two convolutions of stride 2, each with a residual block behind it; pooled and projected.

    Parameters
    ----------
    layout
        NHWC as some converters write it: between the blocks, and where it is pooled.
    widest
        With a branch around everything, so that no layer holds all that the embedding knows.
    """
    rng = np.random.default_rng(7)
    last = layout == "NHWC"

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    fine, coarse = FINE[0], COARSE[0]
    weights = {
        "mean": np.float32(127.5),
        "down1": draw(fine, 3, 3, 3),
        "block1": draw(fine, fine, 3, 3),
        "down2": draw(coarse, fine, 3, 3),
        "block2": draw(coarse, coarse, 3, 3),
        "kernel": draw(DIMENSION, coarse).T.copy(),
        "rest": np.array([-1], np.int64),
        "zeroth": np.array([0], np.int64),
        "around": draw(DIMENSION, 3).T.copy(),
    }
    node = helper.make_node
    to_last, to_first = [0, 2, 3, 1], [0, 3, 1, 2]

    def block(number: int, given: str) -> list[onnx.NodeProto]:
        n = str(number)
        return [
            node("Conv", [given, f"down{n}"], [f"c{n}"], strides=[2, 2]),
            node("Relu", [f"c{n}"], [f"r{n}"]),
            node("Conv", [f"r{n}", f"block{n}"], [f"b{n}"], pads=[1, 1, 1, 1]),
            node("Add", [f"r{n}", f"b{n}"], [f"a{n}"]),
            node("Relu", [f"a{n}"], [f"block{n}/out"]),
        ]

    nodes = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Sub", ["float", "mean"], ["centred"]),
        node("Div", ["centred", "mean"], ["scaled"]),
        node("Transpose", ["scaled"], ["x"], perm=to_first),
        *block(1, "x"),
    ]
    between = "block1/out"
    if last:
        nodes.append(node("Transpose", [between], ["block1/last"], perm=to_last))
        nodes.append(node("Transpose", ["block1/last"], ["block1/back"], perm=to_first))
        between = "block1/back"
    nodes += block(2, between)
    if last:
        nodes.append(node("Transpose", ["block2/out"], ["block2/last"], perm=to_last))
        nodes.append(node("ReduceMean", ["block2/last"], ["pooled"], axes=[1, 2], keepdims=1))
    else:
        nodes.append(node("GlobalAveragePool", ["block2/out"], ["pooled"]))
    # A shape that is computed, as PyTorch writes it: it depends on the batch alone.
    nodes += [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zeroth"], ["count"]),
        node("Concat", ["count", "rest"], ["wanted"], axis=0),
        node("Reshape", ["pooled", "wanted"], ["flat"]),
        node("MatMul", ["flat", "kernel"], ["h" if widest else "unscaled"]),
    ]
    if widest:
        nodes += [
            node("ReduceMean", ["x"], ["colour"], axes=[2, 3], keepdims=0),
            node("MatMul", ["colour", "around"], ["h2"]),
            node("Add", ["h", "h2"], ["unscaled"]),
        ]
    nodes += [
        node("ReduceL2", ["unscaled"], ["norm"], axes=[1]),
        node("Div", ["unscaled", "norm"], ["embedding"]),
    ]
    used = {name for one in nodes for name in one.input}
    graph = helper.make_graph(
        nodes,
        "convolutional",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items() if k in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def crops(count: int, seed: int = 0) -> np.ndarray:
    """Crops of noise, uint8, shape (count, 35, 35, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
