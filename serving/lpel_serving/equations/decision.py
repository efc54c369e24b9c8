"""The network's decision on one pair or on many: similarity, threshold, margin (section 5.1.1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.similarity import Vectors
from lpel_serving.support.errors import ParameterError

DECISIONS = {True: "similar", False: "dissimilar"}
"""The words for a decision, wherever it is written."""


@dataclass(frozen=True)
class Confidence:
    """The predicted probability that a pair shows one person, fitted on pairs whose truth is known.

    Attributes
    ----------
    same_person
        Share of pairs this similar that show one person, in [0, 1], where as many show one person
        as show two.
    pairs
        How many pairs it was fitted on.

    Raises
    ------
    ParameterError
        If the share is out of range, or there are no pairs.
    """

    same_person: float
    pairs: int

    def __post_init__(self) -> None:
        if not 0 <= self.same_person <= 1 or self.pairs < 1:
            raise ParameterError(
                "a confidence is a share in [0, 1], fitted on at least 1 pair; received "
                f"{self.same_person} from {self.pairs}."
            )


@dataclass(frozen=True)
class Decision:
    """What the network decides on a pair: similar if the similarity exceeds the threshold.

    Both are compared in float32, as in the one-file explainer, so that every interface agrees.

    Attributes
    ----------
    similarity
        Of the two embeddings, by the network's own comparison: their cosine, Eq. 5.1, for most; see
        `lpel_serving.equations.comparison`. NaN exceeds no threshold.
    threshold
        The similarity above which the network calls two images similar.
    confidence
        The predicted probability of one person at this similarity; None where it was not fitted.
    similar
        The decision.
    margin
        By how much the similarity exceeds the threshold: above 0 if and only if `similar`, and 0
        where both are one number in float32.
    """

    similarity: float
    threshold: float
    confidence: Confidence | None = None
    similar: bool = field(init=False)
    margin: float = field(init=False)

    def __post_init__(self) -> None:
        similarity = np.float32(self.similarity)
        object.__setattr__(self, "similar", bool(_exceeds(similarity, self.threshold)))
        object.__setattr__(self, "margin", float(_margins(similarity, self.threshold)))

    @property
    def word(self) -> str:
        """What the decision is called: ``similar`` or ``dissimilar``."""
        return DECISIONS[self.similar]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions on many pairs: see `Decision`, of which each is one.

    Attributes
    ----------
    similarity
        Float32, shape (...).
    threshold
        The threshold of all of them.
    similar
        Bool, shape (...).
    margin
        Float64, shape (...).
    """

    similarity: NDArray[np.float32]
    threshold: float
    similar: NDArray[np.bool_] = field(init=False)
    margin: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        similarity = np.asarray(self.similarity, np.float32)
        object.__setattr__(self, "similarity", similarity)
        object.__setattr__(self, "similar", _exceeds(similarity, self.threshold))
        object.__setattr__(self, "margin", _margins(similarity, self.threshold))

    def __len__(self) -> int:
        return len(self.similarity)

    def __iter__(self) -> Iterator[Decision]:
        """One after the other, of shape (N,)."""
        return (Decision(similarity, self.threshold) for similarity in self.similarity.tolist())


def decide(
    comparison: Comparison,
    h_r: Vectors,
    h_t: Vectors,
    threshold: float,
    confidence_of: Callable[[float], Confidence | None] | None = None,
) -> Decision:
    """Decide on one pair.

    Parameters
    ----------
    comparison
        How the network compares.
    h_r, h_t
        Embeddings of the reference and of the test, float32, shape (D,).
    threshold
        The similarity above which the network calls two images similar.
    confidence_of
        From a similarity to the predicted probability of one person; None if it was not fitted.
    """
    similarity = float(comparison.similarity(h_r, h_t))
    return Decision(
        similarity, threshold, None if confidence_of is None else confidence_of(similarity)
    )


def decide_many(comparison: Comparison, h_r: Vectors, h_t: Vectors, threshold: float) -> Decisions:
    """Decide on many pairs, byte for byte as `decide` does on each.

    Parameters
    ----------
    comparison, threshold
        See `decide`.
    h_r, h_t
        Embeddings of the references and of the tests, float32, shape (..., D).
    """
    return Decisions(comparison.similarity(h_r, h_t), threshold)


def _exceeds(similarity: NDArray[np.float32] | np.float32, threshold: float) -> NDArray[np.bool_]:
    """The one comparison behind every decision."""
    return np.asarray(similarity > np.float32(threshold))


def _margins(similarity: NDArray[np.float32] | np.float32, threshold: float) -> NDArray[np.float64]:
    # Equal in float32 counts as 0; otherwise the sign matches the decision.
    apart = np.asarray(similarity, np.float64) - threshold
    return np.where(similarity == np.float32(threshold), 0.0, apart)
