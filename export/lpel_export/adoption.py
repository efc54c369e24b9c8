"""Taking in an embedding network that is already in ONNX, wherever it was trained."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion import OPSET, Exported, finish
from lpel_export.errors import ConversionError, ModelShapeError
from lpel_export.plain_graph import STANDARD
from lpel_serving.errors import BundleError
from lpel_serving.extras import require
from lpel_serving.manifest import EMBEDDING, IMAGE
from lpel_serving.safety.external_data import refuse_external_data
from lpel_serving.session import open_session

Layout = Literal["NHWC", "NCHW"]


def adopt_embedder(
    model: bytes,
    *,
    image_size: int,
    mean: float,
    scale: float,
    layout: Layout = "NCHW",
    channels: Literal["RGB", "BGR"] = "RGB",
) -> Exported:
    """Put the preparation of pixels in front of an ONNX embedding network.

    The result takes uint8 RGB, shape (batch, S, S, 3), as every bundle's embedder does, so that
    nobody can feed it wrongly. Its `original` prepares the pixels in numpy and runs the network as
    it was given.

    Parameters
    ----------
    model
        A serialised ONNX model with one float32 image input and one output of vectors.
    image_size
        The side S.
    mean, scale
        The network gets ``(pixel - mean) / scale``.
    layout
        The order of the axes that it wants.
    channels
        The order of the colours that it wants.

    Raises
    ------
    ModelShapeError
        If it has more inputs or outputs than one, or keeps its weights in other files.
    ConversionError
        If it is too old to be brought to the opset of our exports.
    """
    onnx = require("onnx", "export")
    try:
        refuse_external_data(model, "the embedder")
    except BundleError as error:
        raise ModelShapeError(str(error)) from error
    network = _load(onnx, model)
    inputs = [tensor.name for tensor in network.graph.input]
    outputs = [tensor.name for tensor in network.graph.output]
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelShapeError(
            f"an embedder has one input and one output; this one has {inputs} and {outputs}."
        )
    network = _at_least_our_opset(onnx, network)
    preparation = _preparation(onnx, image_size, mean, scale, layout, channels, _opset(network))
    merged = onnx.compose.merge_models(
        preparation,
        onnx.compose.add_prefix(network, "network/"),
        io_map=[("prepared", f"network/{inputs[0]}")],
    )
    _rename_output(merged, f"network/{outputs[0]}")
    finish(merged, {"lpel": "embedder", "adopted": "from ONNX"})
    session = open_session(model, input_name=inputs[0], output_name=outputs[0])

    def original(pixels: NDArray[Any]) -> NDArray[np.float32]:
        ordered = pixels if channels == "RGB" else pixels[..., ::-1]
        prepared = (ordered.astype(np.float32) - np.float32(mean)) / np.float32(scale)
        axes = (0, 3, 1, 2) if layout == "NCHW" else (0, 1, 2, 3)
        return session.run(np.ascontiguousarray(prepared.transpose(axes)))

    return Exported(merged.SerializeToString(), original)


def _load(onnx: Any, model: bytes) -> Any:
    try:
        network = onnx.load_from_string(model)
    except require("google.protobuf.message", "export").DecodeError as error:
        raise ModelShapeError("the embedder is not an ONNX model: it cannot be parsed.") from error
    if not any(entry.domain in STANDARD for entry in network.opset_import):
        raise ModelShapeError("the embedder is not an ONNX model of standard operators.")
    # Old exporters list weights as inputs too, to be overridden: here they are constants.
    weights = {tensor.name for tensor in network.graph.initializer}
    given = [tensor for tensor in network.graph.input if tensor.name not in weights]
    del network.graph.input[:]
    network.graph.input.extend(given)
    return network


def _preparation(
    onnx: Any, size: int, mean: float, scale: float, layout: Layout, channels: str, opset: int
) -> Any:
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", [IMAGE], ["float"], to=types.FLOAT),
        helper.make_node("Sub", ["float", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Gather", ["scaled", "order"], ["coloured"], axis=3),
        helper.make_node(
            "Transpose",
            ["coloured"],
            ["prepared"],
            perm=[0, 3, 1, 2] if layout == "NCHW" else [0, 1, 2, 3],
        ),
    ]
    constants = {
        "mean": np.array(mean, np.float32),
        "scale": np.array(scale, np.float32),
        "order": np.array([0, 1, 2] if channels == "RGB" else [2, 1, 0], np.int64),
    }
    shape = ["batch", 3, size, size] if layout == "NCHW" else ["batch", size, size, 3]
    graph = helper.make_graph(
        nodes,
        "preparation",
        [helper.make_tensor_value_info(IMAGE, types.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info("prepared", types.FLOAT, shape)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _at_least_our_opset(onnx: Any, network: Any) -> Any:
    """Bring an older model up; the preparation means the same in ours and in every newer one."""
    if _opset(network) < OPSET:
        try:
            network = onnx.version_converter.convert_version(network, OPSET)
        except (RuntimeError, ValueError) as error:
            raise ConversionError(
                f"the model has opset {_opset(network)} and cannot be brought to {OPSET} "
                f"({error}): export it again at {OPSET} or newer."
            ) from error
    network.ir_version = 8  # merging demands one version; what we use of it is older still
    return network


def _opset(model: Any) -> int:
    return max(entry.version for entry in model.opset_import if entry.domain in STANDARD)


def _rename_output(model: Any, name: str) -> None:
    for node in model.graph.node:
        node.output[:] = [EMBEDDING if output == name else output for output in node.output]
        node.input[:] = [EMBEDDING if given == name else given for given in node.input]
    model.graph.output[0].name = EMBEDDING
