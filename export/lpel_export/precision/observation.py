"""Ranges of a network's activations while it embeds faces: calibration of the quantisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.session import open_session
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.support.extras import require
from lpel_serving.support.progress import Progress, silent

_STATISTICS = "statistics"


@dataclass(frozen=True)
class Observed:
    """What was seen of tensors.

    Attributes
    ----------
    ranges
        The smallest and the largest value of each tensor.
    means
        The mean of each channel of some tensors.
    """

    ranges: dict[str, tuple[np.float32, np.float32]]
    means: dict[str, NDArray[np.float32]]


def observe(
    network: Any,
    tensors: Sequence[str],
    averaged: Sequence[str],
    crops: NDArray[np.uint8],
    *,
    progress: Progress = silent,
) -> Observed:
    """Run a network on face crops and look at tensors.

    Parameters
    ----------
    network
        An ``onnx.ModelProto``, left as it is.
    tensors
        Names of float32 tensors whose ranges are wanted.
    averaged
        Names of tensors, shape (batch, channels, ...), whose means are wanted.
    crops
        N crops, uint8, shape (N, H, W, C).
    progress
        ReportProgress how many crops are done.
    """
    model = _with_statistics(network, tensors, averaged)
    session = open_session(model, input_name=network.graph.input[0].name, output_name=_STATISTICS)
    rows: list[NDArray[np.float32]] = []
    with progress("calibrating", len(crops)) as advance:
        for start in range(0, len(crops), DEFAULT_BATCH):
            batch = np.ascontiguousarray(crops[start : start + DEFAULT_BATCH])
            rows.append(session.run(batch))
            advance(len(batch))
    values = np.concatenate(rows)
    highest = values[:, : len(tensors)].max(axis=0)
    lowest = -values[:, len(tensors) : 2 * len(tensors)].max(axis=0)
    ranges = {t: (low, high) for t, low, high in zip(tensors, lowest, highest, strict=True)}
    mean = values[:, 2 * len(tensors) :].mean(axis=0, dtype=np.float64).astype(np.float32)
    starts = np.cumsum([0, *(_channels(network, name) for name in averaged)])
    means = {
        name: mean[start:end]
        for name, start, end in zip(averaged, starts, starts[1:], strict=False)
    }
    return Observed(ranges, means)


def _with_statistics(network: Any, tensors: Sequence[str], averaged: Sequence[str]) -> bytes:
    """The network with one output: largest values, largest negated values, means, side by side.

    Global pooling does it, since the reductions of ONNX have changed from opset to opset.
    """
    onnx = require("onnx", "export")
    make = onnx.helper.make_node
    watched = onnx.ModelProto()
    watched.CopyFrom(network)
    graph, line = watched.graph, f"{_STATISTICS}/line"
    # Each tensor as one channel of one line: (batch, 1, everything).
    shape = onnx.numpy_helper.from_array(np.array([0, 1, -1], np.int64), f"{line}/shape")
    graph.initializer.append(shape)
    columns: dict[str, list[str]] = {"high": [], "low": [], "mean": []}
    for name in tensors:
        here = f"{_STATISTICS}/{name}"
        graph.node.extend(
            [
                make("Reshape", [name, f"{line}/shape"], [f"{here}/line"]),
                make("Neg", [f"{here}/line"], [f"{here}/negated"]),
                make("GlobalMaxPool", [f"{here}/line"], [f"{here}/highest"]),
                make("GlobalMaxPool", [f"{here}/negated"], [f"{here}/lowest"]),
                make("Flatten", [f"{here}/highest"], [f"{here}/high"], axis=1),
                make("Flatten", [f"{here}/lowest"], [f"{here}/low"], axis=1),
            ]
        )
        columns["high"].append(f"{here}/high")
        columns["low"].append(f"{here}/low")
    for name in averaged:
        here = f"{_STATISTICS}/{name}"
        graph.node.append(make("GlobalAveragePool", [name], [f"{here}/average"]))
        graph.node.append(make("Flatten", [f"{here}/average"], [f"{here}/mean"], axis=1))
        columns["mean"].append(f"{here}/mean")
    parts = [part for column in columns.values() for part in column]
    graph.node.append(make("Concat", parts, [_STATISTICS], axis=1))
    del graph.output[:]
    kind = onnx.TensorProto.FLOAT
    graph.output.append(onnx.helper.make_tensor_value_info(_STATISTICS, kind, ["batch", None]))
    return watched.SerializeToString()


def _channels(network: Any, name: str) -> int:
    known = (*network.graph.value_info, *network.graph.input, *network.graph.output)
    tensor = next(tensor for tensor in known if tensor.name == name)
    return int(tensor.type.tensor_type.shape.dim[1].dim_value)
