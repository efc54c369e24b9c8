"""Whether a picture is of the kind that a bundle knows: a check of its embedding, at no inference.

A network for faces embeds whatever it is given, and takes two landscapes for one person: what shows
neither falls into the same corner. That corner lies far from all faces, along the directions that
embeddings of faces hardly use. So the Mahalanobis distance of an embedding from those of known
photographs separates the two, as in Lee et al. (2018, arXiv 1807.03888).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.similarity import unit

Floats = NDArray[np.float32]

FALSE_ALARMS = 0.003
"""Share of the photographs of somebody new that raises an alarm, on average over people.

A pair has two photographs, so that at most twice as many pairs raise one.
"""
LEAST_PHOTOGRAPHS = 100
"""With fewer, known or held apart, nothing can be said of the kind."""
MAX_DIMENSION = 4096
"""The check needs as many numbers as the embedding's length squared."""

_RIDGE = 3e-4
"""Added to every direction's variance, as a share of the mean one.

Where known embeddings have none at all, the rounding of smaller precisions must not raise an alarm.
"""


@dataclass(frozen=True)
class PairPlausibility:
    """How far the two images of a pair lie from the photographs that a bundle knows.

    Attributes
    ----------
    reference, test
        Their distances, at least 0.
    limit
        The largest distance that is plausible.
    """

    reference: float
    test: float
    limit: float

    @property
    def implausible(self) -> tuple[str, ...]:
        """The roles of the images that are not of the known kind."""
        distances = {"reference": self.reference, "test": self.test}
        return tuple(role for role, distance in distances.items() if not distance <= self.limit)

    @property
    def plausible(self) -> bool:
        """Whether both are of the known kind."""
        return not self.implausible


@dataclass(frozen=True, eq=False)
class Plausibility:
    """A check of embeddings against those of known photographs.

    Attributes
    ----------
    mean
        Of the known unit embeddings, float32, shape (D,).
    whitening
        What makes their directions equally wide, float32, shape (D, D), symmetric.
    limit
        The largest distance that is plausible, above 0.
    """

    mean: Floats
    whitening: Floats
    limit: float

    def distances(self, embeddings: Floats) -> Floats:
        """Mahalanobis distances of embeddings, of any length and shape (N, D): float32, shape (N,).

        Raises
        ------
        EmbeddingError
            If an embedding is not finite.
        """
        # In float64 and then rounded, so that a batch's size does not show in the last bit.
        apart = unit(embeddings).astype(np.float64) - self.mean
        whitened = apart @ self.whitening.astype(np.float64)
        distances = np.sqrt(np.square(whitened).sum(axis=-1))
        return np.minimum(distances, np.finfo(np.float32).max).astype(np.float32)

    def plausible(self, embeddings: Floats) -> NDArray[np.bool_]:
        """Say of each embedding, shape (N, D), whether it is of the known kind: shape (N,)."""
        return self.distances(embeddings) <= np.float32(self.limit)

    def of_pair(self, h_r: Floats, h_t: Floats) -> PairPlausibility:
        """Check the embeddings of a reference and a test, shape (D,) each."""
        reference, test = self.distances(np.stack([h_r, h_t])).tolist()
        return PairPlausibility(reference, test, float(np.float32(self.limit)))


def fit_plausibility(
    known: Floats, apart: Floats, people_apart: Sequence[str]
) -> Plausibility | None:
    """Fit the check on photographs of some people, and its limit on those of others.

    The limit is the quantile that split conformal prediction takes, every person held apart
    counting once however many photographs there are: those of one person lie near each other.

    Parameters
    ----------
    known
        Embeddings, float32, shape (N, D), finite.
    apart
        Embeddings of people who are not among the known ones, shape (M, D).
    people_apart
        Who is in each of the latter, M of them.

    Returns
    -------
    Plausibility | None
        None if N or M is below `LEAST_PHOTOGRAPHS`, if D exceeds `MAX_DIMENSION`, or if all known
        embeddings are equal: then nothing can be promised.

    Raises
    ------
    EmbeddingError
        If an embedding is not finite.
    """
    if min(len(known), len(apart)) < LEAST_PHOTOGRAPHS or known.shape[1] > MAX_DIMENSION:
        return None
    units = unit(known).astype(np.float64)
    mean = units.mean(axis=0)
    covariance = np.atleast_2d(np.cov(units.T))
    typical = float(np.trace(covariance)) / len(covariance)
    if not typical > np.finfo(np.float32).eps ** 2:
        return None
    variances, directions = np.linalg.eigh(covariance)
    scales = 1 / np.sqrt(np.maximum(variances, 0) + _RIDGE * typical)
    whitening = (directions * scales) @ directions.T
    check = Plausibility(mean.astype(np.float32), whitening.astype(np.float32), math.inf)
    return replace(check, limit=_limit(check.distances(apart), people_apart))


def expected_alarms(people: int) -> float:
    """Share of a new person's photographs that raises an alarm at most, on average over people.

    Parameters
    ----------
    people
        How many were held apart for the limit: too few cannot promise `FALSE_ALARMS`.
    """
    return max(FALSE_ALARMS, 1 / (people + 1))


def _limit(distances: Floats, people: Sequence[str]) -> float:
    """The least distance that leaves `FALSE_ALARMS` of a new person beyond it; else the largest."""
    names, person, photographs = np.unique(
        np.array(people), return_inverse=True, return_counts=True
    )
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(1 / photographs[person][order]) / (len(names) + 1)
    enough = np.flatnonzero(within >= 1 - FALSE_ALARMS)
    return float(distances[order[enough[0] if len(enough) else -1]])
