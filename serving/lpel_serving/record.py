"""An explanation as a record: numbers for JSON, arrays for a file."""

import io
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.crops import decoder_target
from lpel_serving.explanation import Explanation, PairExplanation
from lpel_serving.files import write_atomically
from lpel_serving.found import faces_record
from lpel_serving.plausibility import PairPlausibility
from lpel_serving.similarity import margin

DECISIONS = {True: "similar", False: "dissimilar"}


def summary(pair: PairExplanation) -> dict[str, Any]:
    """Summarise a pair's explanation in JSON's own types."""
    return {
        "similarity": pair.similarity,
        "threshold": pair.threshold,
        "margin": margin(pair.similarity, pair.threshold),
        "decision": DECISIONS[pair.similar],
        "plausibility": plausibility_numbers(pair.plausibility),
        "control": pair.control,
        "agreement": {"spearman": pair.agreement.spearman, "mask_iou": pair.agreement.iou},
        "explanations": {
            "test": _numbers(pair.forward, pair.test_crop),
            "reference": _numbers(pair.swapped, pair.reference_crop),
        },
        "faces": faces_record(pair.found),
    }


def plausibility_numbers(pair: PairPlausibility | None) -> dict[str, Any] | None:
    """Whether a pair's images are of the kind that a bundle knows, in JSON's own types."""
    if pair is None:
        return None
    distances = {"reference": pair.reference, "test": pair.test}
    return {
        "plausible": pair.plausible,
        **{
            role: {"plausible": role not in pair.implausible, "distance": distance}
            for role, distance in distances.items()
        },
        "limit": pair.limit,
    }


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
            named[f"{role}_{field.name}"] = getattr(explanation, field.name)
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


def _numbers(explanation: Explanation, crop: NDArray[np.uint8]) -> dict[str, Any]:
    return {
        "mask_share": float(explanation.mask.mean()),
        "reconstruction_mse": reconstruction_error(explanation.reconstruction, crop),
    }


def reconstruction_error(reconstruction: NDArray[np.float32], crop: NDArray[np.uint8]) -> float:
    """Mean squared error of a reconstruction over pixels and channels, Eq. 4.1, pixels in [0, 1].

    Parameters
    ----------
    reconstruction
        ``g(h)``, float32, shape (H, W, 3).
    crop
        The image that was embedded, uint8, shape (S, S, 3).
    """
    target = decoder_target(crop, reconstruction.shape[0]) / 255
    return float(np.mean((reconstruction - target) ** 2))
