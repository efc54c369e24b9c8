"""The record of an assessment: JSON-serialisable numbers, and arrays for a file."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.assessment_record import MeasuredCurve
from lpel_serving.faithfulness.assessment import Measured
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.faithfulness.judgement import Judgement, headline, normalised

BOTH_CAVEAT = (
    "Both images lose the same superpixels here, so that any order makes them alike in the end: "
    "the curve says little about the explanation. The transplant curve does not have this "
    "flaw."
)
"""The caveat of every curve of the kind ``both``."""


def judgement_record(measured: Measured, judgement: Judgement) -> dict[str, Any]:
    """Summarise a measurement as JSON-serialisable values."""
    record: dict[str, Any] = {
        "settings": asdict(measured.settings),
        "decision": "similar" if measured.similar else "dissimilar",
        "pairs": judgement.pairs,
        "method": judgement.method,
        "scale": judgement.scale,
        "lower_is_better": judgement.lower_is_better,
        "in_words": headline(judgement),
        "area": asdict(judgement.area),
        "comparisons": [asdict(comparison) for comparison in judgement.comparisons],
        "superpixels_replaced": judgement.replaced.tolist(),
        "mean_curves": {name: curve.tolist() for name, curve in judgement.curves.items()},
        "random_band": judgement.random_band.tolist(),
    }
    if measured.settings.kind == "both":
        record["caveat"] = BOTH_CAVEAT
    return record


def measured_curve(measured: Measured, judgement: Judgement, crop: str) -> MeasuredCurve:
    """Summarise a measurement for a bundle's manifest.

    Parameters
    ----------
    measured, judgement
        Of a method whose parameters are its defaults.
    crop
        How the pictures were cut out, in the manifest's format.
    """
    settings = measured.settings
    filled = "" if settings.kind == "transplant" else f" by {settings.fill.name}"
    how = (
        f"{settings.side} by {settings.side} superpixels replaced{filled}, {settings.every} at a "
        f"time, {settings.draws} random orders of each pair"
    )
    outcomes = {one.against: one.outcome for one in judgement.comparisons}
    against = {name: outcomes[name] for name in CONTROLS if name in outcomes}
    return MeasuredCurve(judgement.pairs, crop, how, judgement.area.mean, against)


def measured_arrays(measured: Measured) -> dict[str, NDArray[Any]]:
    """Collect every pair's curves, without photographs, file names or embeddings.

    Returns
    -------
    dict[str, NDArray]
        ``orders``, shape (orders,), their names; ``superpixels_replaced``, shape (steps,);
        ``similarities`` and ``normalised``, shape (pairs, orders, steps).
    """
    return {
        "orders": np.array(measured.names),
        "superpixels_replaced": measured.settings.replaced,
        "similarities": measured.similarities,
        "normalised": normalised(measured),
    }
