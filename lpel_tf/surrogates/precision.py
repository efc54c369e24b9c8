"""Embedders of masked images in fewer bits, kept in the table's own file so that rows match."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_export.precision.choice import in_precision
from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.sqlite import Field
from lpel_serving.images.crops import Crop
from lpel_tf.data.store import open_array_store

CALIBRATION_CROPS = 128
"""Training crops that int8 is calibrated on."""


def embedder_in(
    precision: str,
    model: bytes,
    record: EmbedderRecord,
    crop: Crop,
    crops: Callable[[], NDArray[np.uint8]],
    store_path: Path,
) -> Embedder:
    """Open an embedder in a precision, the same that measured what the store holds already.

    Parameters
    ----------
    precision
        See `lpel_export.precision.choice.in_precision`.
    model, record, crop
        The float32 embedder.
    crops
        Called for training crops that int8 is calibrated with, if the store has no network yet.
    store_path
        Of the table that it measures; the network is kept there.

    Raises
    ------
    ParameterError
        If there is no such precision.
    ConversionError
        If the network cannot be brought to it.
    CacheError
        If the store cannot be used.
    """
    if precision == "float32":
        return Embedder(model, record, crop)
    key = precision.encode()
    store = open_array_store(store_path, {"networks": {"model": Field(np.uint8, (-1,))}})
    with closing(store):
        kept = store.get([key])
        if key not in kept:
            made = in_precision(model, precision, crops() if precision == "int8" else None)
            kept = {key: {"model": np.frombuffer(made, np.uint8)}}
            store.put(kept)
    return Embedder(kept[key]["model"].tobytes(), record, crop)
