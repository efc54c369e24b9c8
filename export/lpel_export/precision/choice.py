"""Conversion of a float32 embedder to the chosen lower precision.

What each costs in accuracy is measured by ``benchmarks/precision.py``.
"""

import numpy as np
from numpy.typing import NDArray

from lpel_export.local_features.second_output import has_local_features, take_out
from lpel_export.precision.half import to_float16
from lpel_export.precision.quantisation import to_int8
from lpel_export.support.errors import ModelShapeError
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent

PRECISIONS = ("float32", "float16", "int8")
"""What an embedder can be computed in."""


def in_precision(
    embedder: bytes,
    precision: str,
    crops: NDArray[np.uint8] | None = None,
    *,
    progress: Progress = silent,
) -> bytes:
    """Bring a float32 embedder to a precision; its inputs, outputs, names and metadata stay.

    Local features stay float32, too, computed of the layers as they are in the new precision.

    Parameters
    ----------
    embedder
        A serialised ONNX embedder.
    precision
        One of `PRECISIONS`; float32 is the embedder as it is.
    crops
        Face crops that int8 is calibrated with, uint8, shape (N, H, W, C); not needed by others.
    progress
        ReportProgress how many crops are done.

    Raises
    ------
    ParameterError
        If there is no such precision.
    ModelShapeError
        If the model or the crops are not what they must be: see `to_float16` and `to_int8`.
    ConversionError
        If the model cannot be brought to that precision.
    """
    if precision == "float32":
        return embedder
    if has_local_features(embedder):  # they are computed in float32, of layers in that precision
        apart = take_out(embedder)
        lowered = in_precision(apart.with_layers, precision, crops, progress=progress)
        return apart.put_back(lowered)
    if precision == "float16":
        return to_float16(embedder)
    if precision != "int8":
        raise ParameterError(
            f"no precision is called {precision!r}; there are: {', '.join(PRECISIONS)}."
        )
    if crops is None:
        raise ModelShapeError("int8 needs crops to calibrate with; received none.")
    # Of FaceNet's layers the first costs most of what rounding costs, and little of the time.
    return to_int8(embedder, crops, keep_first=True, progress=progress)
