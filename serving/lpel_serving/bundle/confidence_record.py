"""A bundle's probability that two faces show the same person (`confidence`): fitted, recorded."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lpel_serving.equations.decision import Confidence
from lpel_serving.support.errors import BundleError, ParameterError
from lpel_serving.support.typed_json import Reader
from lpel_serving.verification.accuracy import Labels, Scores
from lpel_serving.verification.calibration import Calibration, fit_calibration
from lpel_serving.verification.reliability import (
    FOLDS,
    Bin,
    Reliability,
    measure_reliability,
)

_MOST_BINS = 100

LEAST_PAIRS = 100
LEAST_OF_A_KIND = FOLDS
"""Least pairs for fitting probabilities: with fewer, a bundle gets no confidence."""


@dataclass(frozen=True)
class ConfidenceRecord:
    """The manifest's record of a bundle's predicted probability.

    Attributes
    ----------
    slope, intercept
        See `lpel_serving.verification.calibration.Calibration`.
    fitted
        ``how``, a sentence; ``pairs_same`` and ``pairs_different``, their numbers; and the fields
        of `lpel_serving.verification.reliability.Reliability`, measured on held-out pairs.
    """

    slope: float
    intercept: float
    fitted: Mapping[str, Any]

    @property
    def calibration(self) -> Calibration:
        """The fitted calibration."""
        return Calibration(self.slope, self.intercept)

    @property
    def reliability(self) -> Reliability:
        """The reliability of its probabilities, on held-out pairs."""
        return _read_reliability(Reader(self.fitted, "confidence.fitted"))

    @property
    def pairs(self) -> int:
        """The number of pairs that it was fitted on."""
        return self.fitted["pairs_same"] + self.fitted["pairs_different"]

    def of(self, similarity: float) -> Confidence:
        """Predict the probability that a pair with this similarity shows one person."""
        return Confidence(self.calibration.confidence(similarity), self.pairs)


def fit_confidence(similarities: Scores, same: Labels, on: str) -> ConfidenceRecord | None:
    """Fit a calibration on pairs with known truth, and measure its reliability on held-out pairs.

    Parameters
    ----------
    similarities
        Float32, shape (N,), finite.
    same
        Whether each pair is of one person, shape (N,).
    on
        Description of these pairs, without names of files or people.

    Returns
    -------
    ConfidenceRecord | None
        None if there are fewer than 100 pairs, or than 10 of a kind.

    Raises
    ------
    ParameterError
        See `lpel_serving.verification.calibration.fit_calibration`.
    """
    n_same, n_different = int(np.count_nonzero(same)), int(np.count_nonzero(~same))
    if n_same + n_different < LEAST_PAIRS or min(n_same, n_different) < LEAST_OF_A_KIND:
        return None
    calibration = fit_calibration(similarities, same)
    reliability = asdict(measure_reliability(similarities, same))
    fitted = {
        "how": f"Platt scaling with prior probability 1/2, on {on}",
        "pairs_same": n_same,
        "pairs_different": n_different,
        **reliability,
        "bins": list(reliability["bins"]),  # a list, as JSON reads it
    }
    return ConfidenceRecord(calibration.slope, calibration.intercept, fitted)


def read_confidence(reader: Reader) -> ConfidenceRecord:
    """Read and check the manifest's record of the predicted probability.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type or out of its range; it is named.
    """
    fitted = reader.inner("fitted")
    fitted.take("how", str)
    for kind in ("pairs_same", "pairs_different"):
        fitted.count(kind, 1)
    _read_reliability(fitted)
    slope, intercept = reader.number("slope"), reader.number("intercept")
    try:
        Calibration(slope, intercept)
    except ParameterError as error:
        raise BundleError(f"{reader.where}: {error}") from error
    return ConfidenceRecord(slope, intercept, fitted.fields)


def _read_reliability(reader: Reader) -> Reliability:
    """Read a reliability that `dataclasses.asdict` wrote.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type or out of its range; it is named.
    """
    bins = [
        Bin(
            *(one.number(name, 0, 1) for name in ("foretold", "observed", "low", "high")),
            pairs=one.count("pairs", 1),
        )
        for one in reader.objects("bins", _MOST_BINS)
    ]
    return Reliability(
        tuple(bins),
        calibration_error=reader.number("calibration_error", 0, 1),
        brier_score=reader.number("brier_score", 0, 1),
        log_loss=reader.number("log_loss", 0),
    )
