"""The arrays of an explained pair, and the ``.npz`` file that holds them."""

import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.support.files import write_atomically


def arrays(pair: PairExplanation) -> dict[str, NDArray[Any]]:
    """Collect all the arrays of a pair's explanation.

    Those that explain the test image begin with ``test_``, those that explain the reference, the
    roles exchanged, with ``reference_``.
    """
    named: dict[str, NDArray[Any]] = {}
    for role, crop, embedding, explanation in (
        ("test", pair.test_crop, pair.test_embedding, pair.forward),
        ("reference", pair.reference_crop, pair.reference_embedding, pair.swapped),
    ):
        named[f"{role}_crop"] = crop
        named[f"{role}_embedding"] = embedding
        for field in fields(explanation):
            values = getattr(explanation, field.name)
            if values is not None:  # not every method estimates error bars
                named[f"{role}_{field.name}"] = values
    return named


def write_arrays(pair: PairExplanation, path: Path) -> None:
    """Write the arrays of a pair's explanation as a compressed ``.npz`` file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_atomically(path, npz(arrays(pair)))


def npz(named: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays as a compressed ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **named)
    return buffer.getvalue()
