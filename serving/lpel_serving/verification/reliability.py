"""Whether foretold probabilities come true: reliability, on pairs that were held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.verification.accuracy import Labels, Scores
from lpel_serving.verification.calibration import (
    cross_entropy,
    even_odds,
    fit_calibration,
    logistic,
)
from lpel_serving.verification.folds import check_folds, deal_folds

FOLDS = 10

EDGES = (0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.0)
"""Bins of foretold probability: narrow near 0 and 1, where a good network's pairs are."""

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Bin:
    """Pairs of about the same foretold probability.

    Attributes
    ----------
    foretold
        Mean foretold probability of one person.
    observed
        Share that is of one person.
    low, high
        Wilson's 95 % interval about that share.
    pairs
        How many there are; shares are in [0, 1], with either kind of pair weighed as one half.
    """

    foretold: float
    observed: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class Reliability:
    """How far foretold probabilities are from what is so; all at even odds, smaller is better.

    Attributes
    ----------
    bins
        In order of foretold probability; those without pairs are left out.
    calibration_error
        Expected calibration error: mean over pairs of how far their bin's share is from what was
        foretold, in [0, 1].
    brier_score
        Mean squared difference of the foretold from 1 or 0, in [0, 1]; always one half gives 0.25.
    log_loss
        Mean negative natural logarithm of what was foretold for the truth; always one half gives
        0.693.
    """

    bins: tuple[Bin, ...]
    calibration_error: float
    brier_score: float
    log_loss: float


def measure_reliability(similarities: Scores, same: Labels) -> Reliability:
    """Foretell each of ten folds by a calibration that was fitted on the other nine.

    Parameters
    ----------
    similarities
        Float32, shape (N,), finite.
    same
        Whether each pair is of one person, shape (N,); they are dealt out in turn, kind by kind.

    Raises
    ------
    ParameterError
        If there are fewer pairs of either kind than folds, or see `fit_calibration`.
    """
    weights = even_odds(similarities, same)
    check_folds(same, FOLDS)
    log_odds = _held_out(similarities, same)
    foretold, truth = logistic(log_odds), same.astype(np.float64)
    place = np.digitize(foretold, EDGES[1:-1])
    held = [place == k for k in range(len(EDGES) - 1)]
    bins = [(_bin(foretold[k], truth[k], weights[k]), weights[k].sum()) for k in held if k.any()]
    return Reliability(
        bins=tuple(one for one, _ in bins),
        calibration_error=float(sum(w * abs(one.observed - one.foretold) for one, w in bins)),
        brier_score=float(weights @ (foretold - truth) ** 2),
        log_loss=cross_entropy(log_odds, truth, weights),
    )


def _held_out(similarities: Scores, same: Labels) -> NDArray[np.float64]:
    fold = deal_folds(same, FOLDS)
    log_odds = np.empty(len(same))
    for k in range(FOLDS):
        calibration = fit_calibration(similarities[fold != k], same[fold != k])
        log_odds[fold == k] = calibration.log_odds(similarities[fold == k])
    return log_odds


def _bin(
    foretold: NDArray[np.float64], truth: NDArray[np.float64], weights: NDArray[np.float64]
) -> Bin:
    observed = float(np.average(truth, weights=weights))
    # Unequal weights tell less than as many equal ones: Kish's effective number.
    low, high = _wilson(observed, float(weights.sum() ** 2 / (weights**2).sum()))
    mean = float(np.average(foretold, weights=weights))
    return Bin(mean, observed, low, high, len(truth))


def _wilson(share: float, n: float) -> tuple[float, float]:
    centre = share + _Z95**2 / (2 * n)
    half = _Z95 * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2))
    low, high = ((centre + side * half) / (1 + _Z95**2 / n) for side in (-1, 1))
    return max(0.0, min(share, float(low))), min(1.0, max(share, float(high)))
