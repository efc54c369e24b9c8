"""The numbers of a pair as JSON-serialisable values: decision, plausibility, regions, maps."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lpel_serving.bundle.comparison_record import BY_COSINE, ComparisonRecord
from lpel_serving.bundle.origin import Origin
from lpel_serving.bundle.usual_record import Shares, UsualMaps
from lpel_serving.equations.decision import Decision
from lpel_serving.equations.regions import RegionShare
from lpel_serving.images.resizing import decoder_target
from lpel_serving.methods.explanation import Explanation
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.verification.plausibility import PairPlausibility


def decision_numbers(decision: Decision) -> dict[str, Any]:
    """The numbers of a decision, with the predicted probability of one person."""
    confidence = decision.confidence
    return {
        "similarity": decision.similarity,
        "threshold": decision.threshold,
        "margin": decision.margin,
        "decision": decision.word,
        "confidence": None if confidence is None else asdict(confidence),
    }


def comparison_numbers(decision: Decision, comparison: ComparisonRecord) -> dict[str, Any]:
    """The same on the network's own scale; nothing where that is the cosine."""
    if comparison == BY_COSINE:
        return {}
    return {
        "comparison": {
            "kind": comparison.kind,
            "measure": comparison.measure,
            "value": comparison.own_of(decision.similarity),
            "threshold": comparison.own_of(decision.threshold),
        }
    }


def plausibility_numbers(pair: PairPlausibility | None) -> dict[str, Any] | None:
    """The plausibility of a pair's images."""
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


def region_numbers(shares: Sequence[RegionShare], usual: UsualMaps | None) -> list[dict[str, Any]]:
    """The shares of the regions in a map, each with the usual share."""

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
    """The common part of the maps of other pairs, and how many pairs were measured."""
    return None if usual is None else {"pairs": usual.pairs, "common": usual.common}


def map_numbers(explanation: Explanation, crop: Pixels) -> dict[str, Any]:
    """The area of the mask, and the decoder's reconstruction error on the face, if there is one."""
    drawn = explanation.reconstruction
    return {
        "mask_share": float(explanation.mask.mean()),
        "reconstruction_mse": None if drawn is None else reconstruction_error(drawn, crop),
    }


def origin_numbers(origin: Origin) -> dict[str, Any]:
    """Provenance: crop, version and bundle."""
    return {
        "crop": origin.crop,
        "embedder": origin.embedder,
        "bundle": origin.bundle,
        "models": dict(origin.models),
    }


def reconstruction_error(reconstruction: Floats, crop: Pixels) -> float:
    """Mean squared error of a reconstruction over pixels and channels, Eq. 4.1, pixels in [0, 1].

    Parameters
    ----------
    reconstruction
        ``g(h)``, float32, shape (H, W, C).
    crop
        The image that was embedded, uint8, of the same channels.
    """
    target = decoder_target(crop, ImageShape(*reconstruction.shape)) / 255
    return float(np.mean((reconstruction - target) ** 2))
