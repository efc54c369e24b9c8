"""The probability that two faces show the same person: Platt scaling with prior 1/2."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpel_serving.support.errors import ParameterError
from lpel_serving.verification.accuracy import Labels, Scores, count_of_each

_MOST_STEPS = 100
_SUFFICIENT = 1e-4
_NO_GAIN = 1e-24
_RIDGE = 1e-12


@dataclass(frozen=True)
class Calibration:
    """From a similarity to the probability that both images are of one person.

    The prior probability is 1/2: one person and two are taken to be equally probable before the
    images are seen.

    Attributes
    ----------
    slope, intercept
        P(same | s) = 1 / (1 + exp(-(slope * s + intercept))).

    Raises
    ------
    ParameterError
        If they are not finite, or the slope is not positive.
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.intercept)):
            raise ParameterError(
                "a calibration has a finite intercept and a finite slope above 0, so that more "
                f"similar is more probable; received {self.intercept} and {self.slope}."
            )

    def confidence(self, similarity: float) -> float:
        """Probability of one person, in [0, 1]; it never falls as the similarity rises."""
        return float(self.confidences(np.float64(similarity)))

    def confidences(self, similarities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of one person, float64 in [0, 1], of the shape of `similarities`."""
        return logistic(self.log_odds(similarities))

    def log_odds(self, similarities: ArrayLike) -> NDArray[np.float64]:
        """Logarithms of the odds of one person, float64, of the shape of `similarities`."""
        with np.errstate(over="ignore"):  # infinite odds are a probability of 1
            return self.slope * np.asarray(similarities, np.float64) + self.intercept


def fit_calibration(similarities: Scores, same: Labels) -> Calibration:
    """Fit by maximum likelihood, with Platt's targets.

    Both kinds of pairs have the total weight 1/2, so that the prior is 1/2 whatever their numbers.
    The targets are not 1 and 0 but (n + 1) / (n + 2) and 1 / (n + 2) for a kind of n pairs, so that
    the coefficients are finite even if a threshold separates the pairs without error.

    Parameters
    ----------
    similarities
        Float32, shape (N,), finite.
    same
        Whether each pair is of one person, shape (N,); both kinds are needed.

    Raises
    ------
    ParameterError
        If a kind of pair is absent, a similarity is not finite, the lengths differ, or pairs of one
        person are not the more similar ones on average.
    """
    weights = even_odds(similarities, same)
    scores = similarities.astype(np.float64)
    mean_same, mean_different = float(scores[same].mean()), float(scores[~same].mean())
    if mean_same <= mean_different:  # then the likelihood is greatest at a slope of 0 or below
        raise ParameterError(
            "a calibration needs pairs that show the same to be more similar on average than pairs "
            f"that do not; received {mean_same:.4f} and {mean_different:.4f}: check the pairs and "
            "the crop."
        )
    n_same, n_different = np.count_nonzero(same), np.count_nonzero(~same)
    targets = np.where(same, (n_same + 1) / (n_same + 2), 1 / (n_different + 2))
    mean = weights @ scores
    spread = np.sqrt(weights @ (scores - mean) ** 2)
    columns = np.stack([(scores - mean) / spread, np.ones_like(scores)])
    slope, intercept = _most_likely(columns, targets, weights)
    return Calibration(float(slope / spread), float(intercept - slope * mean / spread))


def even_odds(similarities: Scores, same: Labels) -> NDArray[np.float64]:
    """Weight pairs so that the weights of each kind sum to 1/2.

    Returns
    -------
    NDArray[np.float64]
        Shape (N,).

    Raises
    ------
    ParameterError
        If a kind of pair is absent, a similarity is not finite, or the lengths differ.
    """
    n_same, n_different = count_of_each(similarities, same, "a calibration")
    return np.where(same, 0.5 / n_same, 0.5 / n_different)


def logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn logarithms of odds into probabilities, without overflow for any."""
    return 0.5 * (1 + np.tanh(0.5 * log_odds))


def cross_entropy(
    log_odds: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Mean of -t log p - (1 - t) log(1 - p), from the odds, so that no logarithm is infinite."""
    return float(weights @ (np.logaddexp(0, log_odds) - targets * log_odds))


def _most_likely(
    columns: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimise the cross-entropy by Newton's method, each step halved until it gains enough.

    The function is convex and, with targets within (0, 1), has one finite minimum. Steps that
    always decrease it lead there, and near it full Newton steps do.
    """

    def loss(point: NDArray[np.float64]) -> float:
        return cross_entropy(point @ columns, targets, weights)

    point = np.zeros(len(columns))
    for _ in range(_MOST_STEPS):
        predicted = logistic(point @ columns)
        slope = columns @ (weights * (predicted - targets))
        curvature = (columns * (weights * predicted * (1 - predicted))) @ columns.T
        # The ridge changes the step a little where all is saturated, and not the minimum.
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(columns)), slope)
        gain = float(slope @ step)
        if gain < _NO_GAIN:
            break
        here = loss(point)
        while loss(point - step) > here - _SUFFICIENT * gain:
            step, gain = step / 2, gain / 2
        point = point - step
    return point
