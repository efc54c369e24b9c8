"""The preprocessing of pixels that an imported ONNX network expects: in numpy, and in ONNX."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpel_export.support.image_size import whole_side
from lpel_serving.bundle.manifest import IMAGE
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require

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
    image_size
        The side S of the crops, at least 1.
    mean, scale
        One number, or three in the order of `channels`, all finite; no scale is 0.
    layout
        The order of the axes, one of `LAYOUTS`.
    channels
        The order of the colours, one of `CHANNELS`.

    Raises
    ------
    ParameterError
        If one of them is something else.
    """

    image_size: int
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    layout: Layout = "NCHW"
    channels: Channels = "RGB"

    def __post_init__(self) -> None:
        whole_side(self.image_size)
        if self.layout not in LAYOUTS:
            raise ParameterError(
                f"no layout is called {self.layout!r}; there are: {', '.join(LAYOUTS)}."
            )
        if self.channels not in CHANNELS:
            raise ParameterError(
                f"no order of channels is called {self.channels!r}; there are: "
                f"{', '.join(CHANNELS)}."
            )
        _numbers("mean", self.mean)
        if not _numbers("scale", self.scale).all():
            raise ParameterError(f"scale divides the pixels and is not 0; received {self.scale}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one prepared image, in the network's layout."""
        s = self.image_size
        return (3, s, s) if self.layout == "NCHW" else (s, s, 3)

    @property
    def words(self) -> str:
        """The preparation as a bundle's manifest has it."""
        return f"(pixel - {self.mean}) / {self.scale}, {self.channels}"

    def __call__(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Prepare crops, uint8 RGB, shape (N, S, S, 3)."""
        ordered = pixels[..., self._order].astype(np.float32)
        prepared = (ordered - _numbers("mean", self.mean)) / _numbers("scale", self.scale)
        return np.ascontiguousarray(prepared.transpose(self._axes))

    def examples(self, count: int) -> NDArray[np.uint8]:
        """Make different images to try a network out on, uint8 RGB, shape (count, S, S, 3)."""
        shape = (count, self.image_size, self.image_size, 3)
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
        s = self.image_size
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
            "mean": _numbers("mean", self.mean),
            "scale": _numbers("scale", self.scale),
        }
        graph = helper.make_graph(
            nodes,
            "preparation",
            [helper.make_tensor_value_info(IMAGE, types.UINT8, ["batch", s, s, 3])],
            [helper.make_tensor_value_info(PREPARED, kind, ["batch", *self.shape])],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)

    @property
    def _order(self) -> list[int]:
        return [0, 1, 2] if self.channels == "RGB" else [2, 1, 0]

    @property
    def _axes(self) -> list[int]:
        return [0, 3, 1, 2] if self.layout == "NCHW" else [0, 1, 2, 3]


def _numbers(name: str, given: float | Sequence[float]) -> NDArray[np.float32]:
    """One number or three, as float32, shape () or (3,)."""
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(given, np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} is one number or three; received {given!r}.") from error
    if values.shape not in {(), (3,)} or not np.isfinite(values).all():
        raise ParameterError(
            f"{name} is one finite number, or three, one for each colour; received {given!r}."
        )
    return values
