"""The preprocessing of pixels that an imported ONNX network expects: in numpy, and in ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import IMAGE
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape

Layout = Literal["NCHW", "NHWC"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Channels = Literal["RGB", "BGR"]
CHANNELS: tuple[Channels, ...] = get_args(Channels)

PREPARED = "prepared"
"""The output of the graph."""


@dataclass(frozen=True)
class Preparation:
    """How a network wants its pixels: ``(pixel - mean) / scale``, in its own order of colours.

    Attributes
    ----------
    image
        The shape of the crops.
    mean, scale
        One number, or one for each channel in the order of `channels`, all finite; no scale is 0.
    layout
        The order of the axes, one of `LAYOUTS`.
    channels
        The order of the colours, one of `CHANNELS`; grey images have none.

    Raises
    ------
    ParameterError
        If one of them is something else.
    """

    image: ImageShape
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    layout: Layout = "NCHW"
    channels: Channels = "RGB"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ParameterError(
                f"no layout is called {self.layout!r}; there are: {', '.join(LAYOUTS)}."
            )
        if self.channels not in CHANNELS:
            raise ParameterError(
                f"no order of channels is called {self.channels!r}; there are: "
                f"{', '.join(CHANNELS)}."
            )
        if self.image.channels == 1 and self.channels == "BGR":
            raise ParameterError(
                "grey images, of one channel, have no order of colours: leave channels='BGR' out."
            )
        _numbers("mean", self.mean, self.image.channels)
        if not _numbers("scale", self.scale, self.image.channels).all():
            raise ParameterError(f"scale divides the pixels and is not 0; received {self.scale}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one prepared image, in the network's layout."""
        height, width, channels = self.image
        return (channels, height, width) if self.layout == "NCHW" else (height, width, channels)

    @property
    def words(self) -> str:
        """The preparation as a bundle's manifest has it."""
        order = self.image.colours if self.image.channels == 1 else self.channels
        return f"(pixel - {self.mean}) / {self.scale}, {order}"

    def __call__(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Prepare crops, uint8, shape (N, H, W, C)."""
        ordered = pixels[..., self._order].astype(np.float32)
        prepared = (ordered - self._mean) / self._scale
        return np.ascontiguousarray(prepared.transpose(self._axes))

    def examples(self, count: int) -> NDArray[np.uint8]:
        """Make different images to try a network out on, uint8, shape (count, H, W, C)."""
        shape = (count, *self.image)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def graph(self, opset: int, ir_version: int, kind: int) -> Any:
        """The same in ONNX, as an ``onnx.ModelProto`` from `IMAGE` to `PREPARED`.

        Parameters
        ----------
        opset, ir_version
            Of the network that follows; the opset is at least 7.
        kind
            What the network takes its images as: a number of ``onnx.TensorProto.DataType``.
        """
        onnx = require("onnx", "export")
        helper, types = onnx.helper, onnx.TensorProto
        nodes = [
            helper.make_node("Cast", [IMAGE], ["float"], to=types.FLOAT),
            helper.make_node("Gather", ["float", "order"], ["coloured"], axis=3),
            helper.make_node("Sub", ["coloured", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "scale"], ["scaled"]),
            helper.make_node("Transpose", ["scaled"], ["laid"], perm=self._axes),
            helper.make_node("Cast", ["laid"], [PREPARED], to=kind),
        ]
        if kind == types.FLOAT:
            del nodes[-1]
            nodes[-1].output[:] = [PREPARED]
        constants = {
            "order": np.array(self._order, np.int64),
            "mean": self._mean,
            "scale": self._scale,
        }
        graph = helper.make_graph(
            nodes,
            "preparation",
            [helper.make_tensor_value_info(IMAGE, types.UINT8, ["batch", *self.image])],
            [helper.make_tensor_value_info(PREPARED, kind, ["batch", *self.shape])],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)

    @property
    def _mean(self) -> NDArray[np.float32]:
        return _numbers("mean", self.mean, self.image.channels)

    @property
    def _scale(self) -> NDArray[np.float32]:
        return _numbers("scale", self.scale, self.image.channels)

    @property
    def _order(self) -> list[int]:
        order = list(range(self.image.channels))
        return order if self.channels == "RGB" else order[::-1]

    @property
    def _axes(self) -> list[int]:
        return [0, 3, 1, 2] if self.layout == "NCHW" else [0, 1, 2, 3]


def _numbers(name: str, given: float | Sequence[float], channels: int) -> NDArray[np.float32]:
    """One number or one for each channel, as float32, shape () or (channels,)."""
    three = "three" if channels == 3 else "a list of one"
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(given, np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} is one number or {three}; received {given!r}.") from error
    if values.shape not in {(), (channels,)} or not np.isfinite(values).all():
        raise ParameterError(
            f"{name} is one finite number, or {three}, one for each colour; received {given!r}."
        )
    return values
