"""Results of swapped landmarks: curves, and scores with their intervals."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.landmarks.game import MeasuredSwaps

IOU = "IoU"
HIT = "hit"


def flip_curve(
    measured: MeasuredSwaps, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean false-alarm rate and probability of a flip at each mass, both in [0, 1], (masses,).

    Raises
    ------
    ParameterError
        If no such method was measured.
    """
    m = _place(measured, name)
    return measured.false_alarms[m].mean(axis=0), measured.flipped[m].mean(axis=0)


def scores(measured: MeasuredSwaps, name: str) -> dict[str, NDArray[np.float64]]:
    """Each kept triplet's scores, in [0, 1], shape (K,), by what they are; higher is better.

    Raises
    ------
    ParameterError
        If no such method was measured.
    """
    m = _place(measured, name)
    flips = {
        f"flipped at {rate} %": measured.flipped_at[m, :, r].astype(np.float64)
        for r, rate in enumerate(measured.settings.rates)
    }
    return {**flips, IOU: measured.iou[m], HIT: measured.hit[m].astype(np.float64)}


def mean_scores(
    measured: MeasuredSwaps, name: str, rng: np.random.Generator
) -> dict[str, Interval]:
    """Mean of each score, with its interval over triplets."""
    return {score: bootstrap(each, rng) for score, each in scores(measured, name).items()}


def score_differences(
    measured: MeasuredSwaps, name: str, other: str, rng: np.random.Generator
) -> dict[str, Interval]:
    """Scores of one method less those of another, triplet by triplet."""
    own, others = scores(measured, name), scores(measured, other)
    return {score: bootstrap(own[score] - others[score], rng) for score in own}


def _place(measured: MeasuredSwaps, name: str) -> int:
    if name not in measured.names:
        raise ParameterError(f"no {name!r} was measured; there are: {', '.join(measured.names)}.")
    return measured.names.index(name)
