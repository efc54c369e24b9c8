"""Plausibility: an out-of-distribution check of an embedding, without further inference.

A face network embeds any image, and images without faces get similar embeddings: two landscapes
pass for one person. These embeddings lie far from those of faces, in directions with little
variance among faces. So the Mahalanobis distance of an embedding from those of known photographs
separates the two, as in Lee et al. (2018, arXiv 1807.03888).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import unit
from lpel_serving.support.arrays import Floats

FALSE_ALARMS = 0.003
"""Share of a new person's photographs that raise a false alarm, on average over people.

A pair has two photographs, so that at most twice this share of pairs raise one.
"""
LEAST_PEOPLE = 99
"""With fewer people held out, more than one in a hundred photographs might raise an alarm."""
LEAST_BY_FEATURE = 5
"""Least known photographs per feature: with fewer, the covariance cannot be estimated.

The limit would then be so wide that most pictures without a face pass.
"""
_MOST_ALARMS = 0.05
"""If more photographs of faces than this share raise an alarm, the check does not fit them."""
MAX_DIMENSION = 4096
"""Largest length D of embeddings: the check stores a D by D matrix."""

_RIDGE = 3e-4
"""Added to every direction's variance, as a share of the mean variance.

Where known embeddings do not vary at all, rounding at lower precision must not raise an alarm.
"""


@dataclass(frozen=True)
class PairPlausibility:
    """Distances of a pair's two images from the photographs that a bundle was fitted on.

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
        """The roles of the images that are not plausible."""
        distances = {"reference": self.reference, "test": self.test}
        return tuple(role for role, distance in distances.items() if not distance <= self.limit)

    @property
    def plausible(self) -> bool:
        """Whether both are plausible."""
        return not self.implausible


def doubt_of(pair: PairPlausibility | None) -> PairPlausibility | None:
    """Return the check of a pair if one of its images is implausible; else None."""
    return None if pair is None or pair.plausible else pair


@dataclass(frozen=True, eq=False)
class Plausibility:
    """A check of embeddings against those of known photographs.

    Attributes
    ----------
    mean
        Mean of the known unit embeddings, float32, shape (D,).
    whitening
        Inverse square root of their covariance, float32, shape (D, D), symmetric.
    limit
        The largest plausible distance, above 0, a float32 number.
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
        # In float64 and then rounded, so that the last bit does not depend on the batch size.
        apart = unit(embeddings).astype(np.float64) - self.mean
        whitened = apart @ self._wide
        distances = np.sqrt(np.square(whitened).sum(axis=-1))
        return np.minimum(distances, np.finfo(np.float32).max).astype(np.float32)

    @cached_property
    def _wide(self) -> NDArray[np.float64]:
        return self.whitening.astype(np.float64)

    def plausible(self, embeddings: Floats) -> NDArray[np.bool_]:
        """Whether each embedding, shape (N, D), is plausible: shape (N,)."""
        return self.distances(embeddings) <= self.limit

    def of_pair(self, h_r: Floats, h_t: Floats) -> PairPlausibility:
        """Check the embeddings of a reference and a test, shape (D,) each."""
        reference, test = self.distances(np.stack([h_r, h_t])).tolist()
        return PairPlausibility(reference, test, self.limit)


def fit_plausibility(
    known: Floats, apart: Floats, people_apart: Sequence[str]
) -> Plausibility | None:
    """Fit the check on photographs of some people, and its limit on those of others.

    The limit is the quantile of split conformal prediction, in which every held-out person counts
    once, however many photographs there are: photographs of one person are similar.

    Parameters
    ----------
    known
        Embeddings, float32, shape (N, D), finite.
    apart
        Embeddings of held-out people, who are not among the known ones, shape (M, D).
    people_apart
        Who is in each of the latter, M of them.

    Returns
    -------
    Plausibility | None
        None if the photographs are too few (see `is_enough`), if D exceeds `MAX_DIMENSION`, or if
        all known embeddings are equal: then no false-alarm rate can be guaranteed.

    Raises
    ------
    EmbeddingError
        If an embedding is not finite.
    """
    dimension = known.shape[1]
    if not is_enough(len(known), len(set(people_apart)), dimension) or dimension > MAX_DIMENSION:
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


def holds(alarms: int, photographs: int) -> bool:
    """Whether a check fits photographs of faces, by the number of alarms that they raise."""
    return alarms <= _MOST_ALARMS * photographs


def is_enough(photographs: int, people_apart: int, dimension: int) -> bool:
    """Whether there are enough known photographs and held-out people to fit a check."""
    return photographs >= LEAST_BY_FEATURE * dimension and people_apart >= LEAST_PEOPLE


def expected_alarms(people: int) -> float:
    """Upper bound of the share of a new person's photographs that raise an alarm, on average.

    Parameters
    ----------
    people
        The number of held-out people: with too few, `FALSE_ALARMS` cannot be guaranteed.
    """
    return max(FALSE_ALARMS, 1 / (people + 1))


def _limit(distances: Floats, people: Sequence[str]) -> float:
    """The least distance that at most `FALSE_ALARMS` of a new person exceed; else the largest."""
    names, person, photographs = np.unique(
        np.array(people), return_inverse=True, return_counts=True
    )
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(1 / photographs[person][order]) / (len(names) + 1)
    enough = np.flatnonzero(within >= 1 - FALSE_ALARMS)
    return float(distances[order[enough[0] if len(enough) else -1]])
