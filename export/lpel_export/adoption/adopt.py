"""Imports an embedding network that is already in ONNX, wherever it was trained."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption.freeing import free_batch
from lpel_export.adoption.joining import join
from lpel_export.adoption.opsets import OLDEST_OPSET, at_our_opset, opset_of
from lpel_export.adoption.preparation import Channels, Layout, Preparation
from lpel_export.adoption.received import GIVEN, Received, Source, receive
from lpel_export.adoption.trial import network_run, try_out
from lpel_export.conversion.keras_to_onnx import OPSET, Exported, finish
from lpel_export.support.errors import ConversionError, ModelShapeError, reason_of
from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.bundle.manifest import EMBEDDING
from lpel_serving.support.extras import require


def adopt_embedder(
    model: Source,
    *,
    image_size: ImageSize,
    mean: float | Sequence[float],
    scale: float | Sequence[float],
    layout: Layout = "NCHW",
    channels: Channels = "RGB",
    output: str | None = None,
) -> Exported:
    """Put the preparation of pixels in front of an ONNX embedding network.

    The result takes uint8 images, shape (batch, H, W, C), as every bundle's embedder does, so that
    nobody can feed it wrongly. Its `original` prepares the pixels in numpy and runs the network as
    it was given.

    A network that was exported for one size of batch is freed from it.

    The network is brought to opset 17, in which ``lpel export`` writes its one-file explainer. If
    it cannot be, it keeps its own; a warning says so, and all but that file is to be had.

    Parameters
    ----------
    model
        A serialised ONNX model, or the path of its file, with one image input and vectors as its
        output, both in float16, float32 or float64.
    image_size
        A side, (H, W), or (H, W, C) with 3 channels or 1; three where they are not given.
    mean, scale
        The network gets ``(pixel - mean) / scale``: one number each, or one for each channel, in
        the order of `channels`.
    layout
        The order of the axes that it wants: NCHW or NHWC.
    channels
        The order of the colours that it wants: RGB or BGR.
    output
        Which of several outputs is the embedding.

    Raises
    ------
    ModelShapeError
        If it is not an ONNX model of standard operators with its weights inside, or does not map
        batches of any number of such images to vectors.
    ConversionError
        If it is too old for onnxruntime and cannot be made newer.
    ParameterError
        If the file cannot be read, or a setting is not one that there is.
    """
    onnx = require("onnx", "export")
    preparation = Preparation(as_shape(image_size), mean, scale, layout, channels)
    received = receive(model, output)
    _check_image(onnx, received, preparation)
    received, as_given = free_batch(received, network_run(received), preparation)
    run = network_run(received)
    dimension = try_out(run, received, preparation)
    network = _newest(onnx, received, preparation, run)
    first = preparation.graph(opset_of(network), network.ir_version, received.kind)
    merged = join(first, network)
    _give_vectors(onnx, merged, dimension)
    finish(merged, {"lpel": "embedder", "adopted": "from ONNX"})

    def original(pixels: NDArray[Any]) -> NDArray[np.float32]:
        return as_given(preparation(pixels)).reshape(len(pixels), dimension)

    return Exported(merged.SerializeToString(), original)


def _check_image(onnx: Any, received: Received, preparation: Preparation) -> None:
    """Compare what the network declares of its input with what it is to be given."""
    types = onnx.TensorProto
    if received.kind not in {types.FLOAT, types.FLOAT16, types.DOUBLE}:
        name = types.DataType.Name(received.kind).lower()
        raise ModelShapeError(
            f"{GIVEN} takes {received.input!r} as {name}; expected float32, float16 or float64: "
            "export the network without what prepares its images."
        )
    declared = received.network.graph.input[0].type.tensor_type
    if not declared.HasField("shape"):
        return
    sizes = [one.dim_value or None for one in declared.shape.dim]
    wanted = preparation.shape
    fits = len(sizes) == 4 and all(
        size is None or size == expected for size, expected in zip(sizes[1:], wanted, strict=True)
    )
    if not fits:
        raise ModelShapeError(
            f"{GIVEN} takes {received.input!r} of shape {tuple(sizes)}; with image_size="
            f"{tuple(preparation.image)} and layout={preparation.layout!r} it would be given "
            f"{(None, *wanted)}: name the size, as (height, width, channels), and the layout that "
            "it was made for."
        )


def _newest(
    onnx: Any, received: Received, preparation: Preparation, run: Callable[..., Any]
) -> Any:
    """The network at our opset, or, if that would be another network, as it is."""
    network, own = received.network, opset_of(received.network)
    try:
        onnx.checker.check_model(network)
        if own == OPSET:
            return network
        converted = at_our_opset(network)
        _check_same(run, network_run(received, converted), preparation)
    except onnx.checker.ValidationError as error:
        reason = reason_of(error)
        raise ModelShapeError(f"{GIVEN} is not valid ONNX: {reason}") from error
    except ConversionError as error:
        if own < OLDEST_OPSET:
            raise ConversionError(f"{error} Export it again at {OPSET} or newer.") from error
        warnings.warn(
            f"{error} It keeps its own: the bundle will explain as any other, but `lpel export` "
            f"cannot make one file of it. Export the network at {OPSET} if you need that.",
            stacklevel=4,
        )
        return network
    return converted


def _check_same(
    run: Callable[..., Any], converted: Callable[..., Any], preparation: Preparation
) -> None:
    """Raise `ConversionError` if the conversion changed what the network computes."""
    images = preparation(preparation.examples(2))
    before, after = run(images), converted(images)
    if before.shape != after.shape or not np.allclose(
        before, after, rtol=1e-4, atol=1e-4 * float(np.abs(before).max())
    ):
        raise ConversionError("its conversion to another opset computes something else.")


def _give_vectors(onnx: Any, model: Any, dimension: int) -> None:
    """Let a model, in place, end in float32 vectors, as the engine takes them."""
    helper, types = onnx.helper, onnx.TensorProto
    output = model.graph.output[0]
    cast = output.type.tensor_type.elem_type != types.FLOAT
    flat = "flat" if cast else EMBEDDING
    model.graph.node.append(helper.make_node("Flatten", [output.name], [flat], axis=1))
    if cast:
        model.graph.node.append(helper.make_node("Cast", [flat], [EMBEDDING], to=types.FLOAT))
    vectors = helper.make_tensor_value_info(EMBEDDING, types.FLOAT, ["batch", dimension])
    output.CopyFrom(vectors)
