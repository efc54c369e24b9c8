"""A tiny embedder with layers: two convolutions, of which local features can be made."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lpel_export.conversion.parity import Parity
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, EmbedderRecord
from lpel_serving.support.image_shape import square
from lpel_tf.networks.exported import ExportedEmbedder
from support import tiny

LAYERS = ("second", "first")
"""What the rule chooses for a grid of 4, and their channels."""
CHANNELS = (8, 5)


def embedder_model() -> onnx.ModelProto:
    """Images of `tiny.IMAGE_SIZE` to `tiny.DIMENSION` numbers: layers of 8 x 8 and of 4 x 4."""
    rng = np.random.default_rng(7)
    convolution = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}
    nodes = [
        helper.make_node("Cast", [IMAGE], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "k1", "b1"], ["c1"], **convolution),
        helper.make_node("Relu", ["c1"], ["first"]),
        helper.make_node("Conv", ["first", "k2", "b2"], ["c2"], **convolution),
        helper.make_node("Relu", ["c2"], ["second"]),
        helper.make_node("Flatten", ["second"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "kernel"], [EMBEDDING]),
    ]
    second, first = CHANNELS
    weights = {
        "white": np.array(255),
        "k1": rng.normal(0, 0.4, (first, 3, 3, 3)),
        "b1": rng.normal(0, 0.1, first),
        "k2": rng.normal(0, 0.3, (second, first, 3, 3)),
        "b2": rng.normal(0, 0.1, second),
        "kernel": rng.normal(0, 0.2, (second * 16, tiny.DIMENSION)),
    }
    tensors = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    shape = ["batch", tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3]
    image = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape)
    size = ["batch", tiny.DIMENSION]
    embedding = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, size)
    graph = helper.make_graph(nodes, "tiny", [image], [embedding], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def embedder() -> ExportedEmbedder:
    """The same as if it had just been exported."""
    record = EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit")
    parity = Parity(0.0, 1e-5, (1, 2), 2, "made up for the tests")
    return ExportedEmbedder(embedder_model().SerializeToString(), record, parity)
