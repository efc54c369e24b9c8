"""Weights as TensorFlow.js keeps them: a manifest, and numbers of fewer bits in one file."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_tf.support.errors import WeightsAlteredError

Parts = Mapping[str, NDArray[np.float32]]
"""A network's arrays by name."""


def read_weights(manifest: Sequence[Mapping[str, Any]], data: bytes) -> Parts:
    """Read the float arrays of a network.

    Parameters
    ----------
    manifest
        Name, shape, type and perhaps the quantisation of each array, in the order of the file.
    data
        The file.

    Raises
    ------
    WeightsAlteredError
        If the file is not as long as the manifest says.
    """
    found: dict[str, NDArray[np.float32]] = {}
    start = 0
    for entry in (one for group in manifest for one in group["weights"]):
        levels = entry.get("quantization", {"dtype": entry["dtype"]})
        shape = cast("list[int]", entry["shape"])
        count = math.prod(shape)
        kind = np.dtype(levels["dtype"])
        stored = data[start : start + count * kind.itemsize]
        start += len(stored)
        if len(stored) != count * kind.itemsize:
            raise WeightsAlteredError(
                f"the weights end within {entry['name']!r}: fetch them again with `lpel weights`."
            )
        values = np.frombuffer(stored, kind).reshape(shape)
        if "scale" in levels:
            values = values * levels["scale"] + levels["min"]
        found[entry["name"]] = values.astype(np.float32)
    if start != len(data):
        raise WeightsAlteredError(
            f"{len(data) - start} bytes of the weights belong to nothing: fetch them again with "
            "`lpel weights`."
        )
    return found
