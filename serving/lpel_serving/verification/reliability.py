"""Reliability of predicted probabilities, measured on held-out pairs."""

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
"""Bin edges of predicted probability, narrow near 0 and 1, where most pairs of a good network
lie."""

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Bin:
    """Pairs of about the same predicted probability.

    Attributes
    ----------
    foretold
        Mean predicted probability of one person; the manifest's key has this name.
    observed
        Share of the pairs that show one person.
    low, high
        Wilson's 95 % interval about that share.
    pairs
        Their number. Shares are in [0, 1]; both kinds of pairs have the total weight 1/2.
    """

    foretold: float
    observed: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class Reliability:
    """Errors of predicted probabilities, with equal priors; smaller is better.

    Attributes
    ----------
    bins
        In order of predicted probability; empty ones are left out.
    calibration_error
        Expected calibration error: mean over pairs of the difference of their bin's observed share
        and mean prediction, in [0, 1].
    brier_score
        Mean squared difference of the predicted probability from 1 or 0, in [0, 1]; a constant
        prediction of 1/2 has 0.25.
    log_loss
        Mean negative natural logarithm of the probability predicted for the truth; a constant
        prediction of 1/2 has 0.693.
    """

    bins: tuple[Bin, ...]
    calibration_error: float
    brier_score: float
    log_loss: float


def measure_reliability(similarities: Scores, same: Labels) -> Reliability:
    """Cross-validate: predict each of ten folds by a calibration fitted on the other nine.

    Parameters
    ----------
    similarities
        Float32, shape (N,), finite.
    same
        Whether each pair is of one person, shape (N,); the folds are stratified.

    Raises
    ------
    ParameterError
        If there are fewer pairs of either kind than folds, or see `fit_calibration`.
    """
    weights = even_odds(similarities, same)
    check_folds(same, FOLDS)
    log_odds = _held_out(similarities, same)
    predicted, truth = logistic(log_odds), same.astype(np.float64)
    place = np.digitize(predicted, EDGES[1:-1])
    held = [place == k for k in range(len(EDGES) - 1)]
    bins = [(_bin(predicted[k], truth[k], weights[k]), weights[k].sum()) for k in held if k.any()]
    return Reliability(
        bins=tuple(one for one, _ in bins),
        calibration_error=float(sum(w * abs(one.observed - one.foretold) for one, w in bins)),
        brier_score=float(weights @ (predicted - truth) ** 2),
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
    predicted: NDArray[np.float64], truth: NDArray[np.float64], weights: NDArray[np.float64]
) -> Bin:
    observed = float(np.average(truth, weights=weights))
    # Kish's effective sample size, since the weights are unequal.
    low, high = _wilson(observed, float(weights.sum() ** 2 / (weights**2).sum()))
    mean = float(np.average(predicted, weights=weights))
    return Bin(mean, observed, low, high, len(truth))


def _wilson(share: float, n: float) -> tuple[float, float]:
    centre = share + _Z95**2 / (2 * n)
    half = _Z95 * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2))
    low, high = ((centre + side * half) / (1 + _Z95**2 / n) for side in (-1, 1))
    return max(0.0, min(share, float(low))), min(1.0, max(share, float(high)))
