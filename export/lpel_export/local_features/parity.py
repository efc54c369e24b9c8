"""Checks local features in ONNX: against numpy, and that the embeddings stayed as they were."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.local_features.grid import averaged
from lpel_export.local_features.layer import Layer
from lpel_export.local_features.patches import PATCHES, patches
from lpel_export.local_features.second_output import Reduction, without_local_features
from lpel_export.support.errors import ParityError
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, LOCAL_FEATURES
from lpel_serving.engine.session import open_model
from lpel_serving.support.arrays import Floats
from lpel_serving.support.extras import require

TOLERANCE = 1e-4
"""Largest difference allowed, as a share of the largest local feature: sums of a thousand float32
numbers."""


def check_local_features(
    model: bytes, layers: Sequence[Layer], side: int, reduced: Reduction, crops: NDArray[np.uint8]
) -> dict[str, Any]:
    """Compare an embedder's local features with numpy, and its embeddings with those without them.

    Both at batch size 1 and with all crops at once.

    Parameters
    ----------
    model
        What `with_local_features` made.
    layers, side, reduced
        What it made it of.
    crops
        N crops, uint8, shape (N, H, W, C).

    Returns
    -------
    dict[str, Any]
        The report, as it stands in a manifest under ``parity``.

    Raises
    ------
    ParityError
        If local features differ by more than `TOLERANCE`, or one embedding in one bit.
    """
    batches = [crops, *(crops[i : i + 1] for i in range(len(crops)))]
    plain = without_local_features(model)
    alone = open_model(plain, {IMAGE: None}, {EMBEDDING: None})
    both = open_model(model, {IMAGE: None}, {EMBEDDING: None, LOCAL_FEATURES: None})
    averages = _averages_of(plain, layers, side)
    difference, largest = 0.0, 0.0
    for batch in batches:
        given = {IMAGE: batch}
        embeddings, local = both.run_all(given, both.outputs)
        if embeddings.tobytes() != alone.run(batch).tobytes():
            raise ParityError(
                "the embedder gives other embeddings with local features than without them. "
                "Nothing was exported."
            )
        expected = reduced(averages(batch))
        difference = float(np.maximum(difference, np.abs(local - expected).max()))  # NaN stays
        largest = max(largest, float(np.abs(expected).max()))
    if not difference <= TOLERANCE * largest:  # NaN must fail too
        raise ParityError(
            f"local features differ from numpy's by {difference:.2e}; allowed are "
            f"{TOLERANCE * largest:.0e}. Nothing was exported."
        )
    return {
        "max_difference": difference,
        "largest": largest,
        "tolerance": TOLERANCE,
        "samples": len(crops),
        "embeddings": "the same bytes",
    }


def _averages_of(
    model: bytes, layers: Sequence[Layer], side: int
) -> Callable[[NDArray[np.uint8]], Floats]:
    """From crops to the averages of all layers in numpy, shape (N, side * side, channels)."""
    if [layer.name for layer in layers] == [PATCHES]:
        return partial(patches, layer=layers[0])
    names = [layer.name for layer in layers]
    shown = open_model(_with_layers(model, names), {IMAGE: None}, dict.fromkeys(names))

    def averages(crops: NDArray[np.uint8]) -> Floats:
        values = zip(shown.run_all({IMAGE: crops}, shown.outputs), layers, strict=True)
        return np.concatenate([averaged(one, layer, side) for one, layer in values], axis=2)

    return averages


def _with_layers(model: bytes, names: Sequence[str]) -> bytes:
    onnx = require("onnx", "export")
    network = onnx.load_from_string(model)
    kind = onnx.TensorProto.FLOAT
    for name in names:
        network.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    return network.SerializeToString()
