"""How a network compares two embeddings: by their cosine, by their distance, or by a learned head.

Each kind gives one number, the *similarity*: the larger, the more alike, and 1 at most. An image
with itself has 1 by cosine and by distance. Parts of an embedding are added and subtracted in a
*scaled* space, where attribution vectors and a surrogate's predictions live, and where embeddings
have a length of about 1 whatever the network.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from lpel_serving.equations.attribution import evidence_for_difference, evidence_for_likeness
from lpel_serving.equations.similarity import Vectors, cosine_similarity, unit
from lpel_serving.equations.summation import fixed_dot
from lpel_serving.support.errors import EmbeddingError, ParameterError

ComparisonKind = Literal["cosine", "euclidean", "head"]


class Comparison(Protocol):
    """From two embeddings to their similarity, and what a loss of one of them does to it.

    All arrays are float32. *Scaled* embeddings are those that `scale` gives, or predictions of
    them.
    """

    kind: ClassVar[ComparisonKind]

    def scale(self, embeddings: Vectors, /) -> Vectors:
        """Scale embeddings, shape (..., D), to a length of about 1; see `EmbeddingError`."""
        ...

    def similarity(self, h_r: Vectors, h_t: Vectors, /) -> Vectors:
        """Similarity of embeddings as the network gives them, shape (..., D), to (...)."""
        ...

    def of_scaled(self, u_r: Vectors, u_t: Vectors, /, axis: int = -1) -> Vectors:
        """Similarity of scaled embeddings, whose features lie along an axis."""
        ...

    def likeness(self, responses: Vectors, u_r: Vectors, u_t: Vectors, /) -> Vectors:
        """Fall of the similarity when a superpixel of the test is hidden, shape (..., K).

        Parameters
        ----------
        responses
            What the test's scaled embedding loses, shape (..., K, D).
        u_r, u_t
            Scaled embeddings of reference and test, shape (..., D).
        """
        ...

    def difference(
        self, responses_t: Vectors, responses_r: Vectors, u_t: Vectors, u_r: Vectors, /
    ) -> Vectors:
        """Rise of the similarity when a superpixel is hidden in both images, shape (..., K)."""
        ...


@dataclass(frozen=True)
class Cosine:
    """The cosine of the angle between two embeddings, Eq. 5.1; scaled they have the length 1."""

    kind: ClassVar[ComparisonKind] = "cosine"

    def scale(self, embeddings: Vectors, /) -> Vectors:
        """See `Comparison.scale`: to unit length; a zero vector stays."""
        return unit(embeddings)

    def similarity(self, h_r: Vectors, h_t: Vectors, /) -> Vectors:
        """See `lpel_serving.equations.similarity.cosine_similarity`."""
        return cosine_similarity(h_r, h_t)

    def of_scaled(self, u_r: Vectors, u_t: Vectors, /, axis: int = -1) -> Vectors:
        """Their dot product: an expected cosine, where one is the expectation of unit vectors."""
        return fixed_dot(u_r, u_t, axis)

    def likeness(self, responses: Vectors, u_r: Vectors, u_t: Vectors, /) -> Vectors:
        """See `lpel_serving.equations.attribution.evidence_for_likeness`."""
        del u_t
        return evidence_for_likeness(responses, u_r)

    def difference(
        self, responses_t: Vectors, responses_r: Vectors, u_t: Vectors, u_r: Vectors, /
    ) -> Vectors:
        """To first order: see `lpel_serving.equations.attribution.evidence_for_difference`."""
        return evidence_for_difference(responses_t, responses_r, u_t, u_r)


@dataclass(frozen=True)
class Euclidean:
    """The distance of two embeddings, as a similarity: 1 - d^2 / (2 spread^2).

    It falls as the distance grows, so that a decision by it is one by the distance. Two embeddings
    drawn at random have 0 on average, and those of unit length and spread 1 have their cosine.

    Attributes
    ----------
    spread
        Root mean square of the distances of embeddings from their mean, above 0.
    """

    spread: float
    kind: ClassVar[ComparisonKind] = "euclidean"

    def __post_init__(self) -> None:
        check_spread(self.spread)

    def scale(self, embeddings: Vectors, /) -> Vectors:
        """See `Comparison.scale`: divided by the spread."""
        return divided(embeddings, self.spread)

    def similarity(self, h_r: Vectors, h_t: Vectors, /) -> Vectors:
        """See `Euclidean`; shape (...), 1 at most."""
        return self._of_difference((h_r - h_t) / np.float32(self.spread), -1)

    def of_scaled(self, u_r: Vectors, u_t: Vectors, /, axis: int = -1) -> Vectors:
        """The same of scaled embeddings."""
        return self._of_difference(u_r - u_t, axis)

    def likeness(self, responses: Vectors, u_r: Vectors, u_t: Vectors, /) -> Vectors:
        """Exact for each superpixel alone: half the rise of the squared scaled distance."""
        apart = (u_r - u_t)[..., np.newaxis, :]
        return fixed_dot(responses, apart) + _half_squared(responses)

    def difference(
        self, responses_t: Vectors, responses_r: Vectors, u_t: Vectors, u_r: Vectors, /
    ) -> Vectors:
        """Exact for each superpixel alone: half the fall of the squared scaled distance."""
        lost = responses_t - responses_r
        return fixed_dot(lost, (u_t - u_r)[..., np.newaxis, :]) - _half_squared(lost)

    @staticmethod
    def _of_difference(difference: Vectors, axis: int) -> Vectors:
        return np.float32(1) - np.float32(0.5) * fixed_dot(difference, difference, axis)


COSINE = Cosine()
"""What FaceNet, and every bundle that says nothing else, compares by."""


def check_spread(spread: float) -> None:
    """Raise `ParameterError` unless a spread is finite and above 0, also in float32."""
    if not (np.isfinite(spread) and 0 < np.float32(spread) < np.inf):
        raise ParameterError(f"a spread of embeddings is finite and above 0; received {spread}.")


def divided(embeddings: Vectors, spread: float) -> Vectors:
    """Divide embeddings, shape (..., D), by their spread.

    Raises
    ------
    EmbeddingError
        If one is not finite.
    """
    if not np.isfinite(embeddings).all():
        raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
    return np.asarray(embeddings, np.float32) / np.float32(spread)


def spread_of(embeddings: Vectors) -> float:
    """Root mean square of the distances of embeddings, shape (N, D), from their mean.

    Raises
    ------
    ParameterError
        If they are all one vector, which no distance tells apart.
    """
    wide = np.asarray(embeddings, np.float64)
    spread = float(np.sqrt(np.square(wide - wide.mean(axis=0)).sum(axis=-1).mean()))
    check_spread(spread)
    return spread


def _half_squared(vectors: Vectors) -> Vectors:
    return np.float32(0.5) * fixed_dot(vectors, vectors)
