"""Scores of each pair summed up: means, and paired differences to others, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_tf.research.comparison.asked import SUBJECTS

RESAMPLES_SEED = 7
Scores = Mapping[str, Sequence[float]]
"""One number for each pair, by method."""
DEFAULT = "surrogate-order"
"""The method that people get unless they ask for another."""
OWN_MEAN, OWN_OTHER = "own mean", "own map of another pair"
"""The controls that are derived from each method's own maps, in its differences."""


def mean_of(name: str) -> str:
    """What the mean of a method's maps of all other pairs is called."""
    return f"mean of {name}"


def another_of(name: str) -> str:
    """What a method's map of the next pair is called."""
    return f"{name}, another pair"


def is_derived(name: str, names: Sequence[str]) -> bool:
    """Whether it is the control of another method."""
    return any(name in (mean_of(one), another_of(one)) for one in names)


def interval(values: Sequence[float]) -> Interval:
    """Mean, with its 95 % interval over pairs."""
    return bootstrap(np.array(values, np.float64), np.random.default_rng(RESAMPLES_SEED))


def summary(scores: Scores, against: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Mean of each method, and its paired difference to others, as JSON-serialisable values.

    Besides those that all are compared with, each is compared with the mean of its own maps and
    with its map of another pair, where they were measured; these have rows of their own for the
    `SUBJECTS` alone. A score of fewer pairs is of the first.
    """
    others = [name for name in scores if name not in SUBJECTS]
    return {
        name: {
            "mean": asdict(interval(values)),
            "less": {
                title: asdict(interval(_less(values, scores[other])))
                for title, other in _others(name, against).items()
                if other in scores and other != name
            },
        }
        for name, values in scores.items()
        if not is_derived(name, others)
    }


def _less(values: Sequence[float], others: Sequence[float]) -> list[float]:
    n = min(len(values), len(others))
    return np.subtract(values[:n], others[:n]).tolist()


def _others(name: str, against: Sequence[str]) -> dict[str, str]:
    own = {OWN_MEAN: mean_of(name), OWN_OTHER: another_of(name)}
    return {other: other for other in against} | own
