"""An explanation as a record: numbers for JSON, arrays for a file."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import Shares, UsualMaps
from lpel_serving.equations.regions import RegionShare, region_shares
from lpel_serving.equations.similarity import DECISIONS, margin
from lpel_serving.images.crops import decoder_target
from lpel_serving.images.found import faces_record
from lpel_serving.methods.explanation import Explanation, PairExplanation
from lpel_serving.support.files import write_atomically
from lpel_serving.verification.plausibility import PairPlausibility


def summary(pair: PairExplanation) -> dict[str, Any]:
    """Summarise a pair's explanation in JSON's own types."""
    of_test, of_reference = divided(pair)
    return {
        "similarity": pair.similarity,
        "threshold": pair.threshold,
        "margin": margin(pair.similarity, pair.threshold),
        "decision": DECISIONS[pair.similar],
        "plausibility": plausibility_numbers(pair.plausibility),
        "control": pair.control,
        "agreement": {"spearman": pair.agreement.spearman, "mask_iou": pair.agreement.iou},
        "explanations": {
            "test": {
                "regions": region_records(of_test, pair.usual),
                **_numbers(pair.forward, pair.test_crop),
            },
            "reference": {
                "regions": region_records(of_reference, pair.usual),
                **_numbers(pair.swapped, pair.reference_crop),
            },
        },
        "usual": usual_numbers(pair.usual),
        "faces": faces_record(pair.found),
    }


def divided(pair: PairExplanation) -> tuple[tuple[RegionShare, ...], tuple[RegionShare, ...]]:
    """Divide the maps of test and reference among the parts of a face.

    None are named where an image is not of the kind that the bundle knows.
    """
    if pair.doubt is not None:
        return (), ()
    return region_shares(pair.forward.heat_map), region_shares(pair.swapped.heat_map)


def region_records(shares: Sequence[RegionShare], usual: UsualMaps | None) -> list[dict[str, Any]]:
    """What regions have of a map, each beside what is usual, in JSON's own types."""

    def known(some: Shares | None, name: str) -> dict[str, float] | None:
        return None if some is None else asdict(some[name])

    return [
        {
            "name": one.name,
            "area": one.area,
            "for": one.for_,
            "against": one.against,
            "usual_for": None if usual is None else known(usual.for_, one.name),
            "usual_against": None if usual is None else known(usual.against, one.name),
        }
        for one in shares
    ]


def usual_numbers(usual: UsualMaps | None) -> dict[str, Any] | None:
    """What the maps of other pairs have in common, and how many there were."""
    return None if usual is None else {"pairs": usual.pairs, "common": usual.common}


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
