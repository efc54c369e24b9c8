"""Scores of each pair summed up: means, and paired differences to others, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap

RESAMPLES_SEED = 7
Scores = Mapping[str, Sequence[float]]
"""One number for each pair, by method."""


def interval(values: Sequence[float]) -> Interval:
    """Mean, with its 95 % interval over pairs."""
    return bootstrap(np.array(values, np.float64), np.random.default_rng(RESAMPLES_SEED))


def summary(scores: Scores, against: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Mean of each method, and its paired difference to others, as JSON-serialisable values."""
    return {
        name: {
            "mean": asdict(interval(values)),
            "less": {
                other: asdict(interval(np.subtract(values, scores[other]).tolist()))
                for other in against
                if other in scores and other != name
            },
        }
        for name, values in scores.items()
    }
