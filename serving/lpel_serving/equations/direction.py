"""Embeddings that cannot be compared: not finite, or, by cosine, without a direction."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison, ComparisonKind
from lpel_serving.support.errors import NoDirectionError

NOT_FINITE = "holds NaN or infinity"
ALL_ZERO = "is zero all over, and so has no direction that could be compared"


def has_direction(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each embedding, shape (..., D), is finite and not zero all over: shape (...)."""
    return np.isfinite(embeddings).all(axis=-1) & (embeddings != 0).any(axis=-1)


def comparable(kind: ComparisonKind, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether a comparison takes each embedding, shape (..., D): shape (...).

    A distance, and a learned head, take one that is zero all over, whose cosine is undefined.
    """
    if kind == "cosine":
        return has_direction(embeddings)
    return np.asarray(np.isfinite(embeddings).all(axis=-1))


def lack_of(embedding: NDArray[np.float32]) -> str:
    """Say what is wrong with an embedding, shape (D,), that has no direction."""
    return ALL_ZERO if np.isfinite(embedding).all() else NOT_FINITE


def check_comparable(
    comparison: Comparison, embeddings: NDArray[np.float32], names: Sequence[str]
) -> None:
    """Raise if a photograph's embedding is not finite, or zero where cosines are compared.

    Only for photographs: a zero embedding of an image with hidden parts is a valid measurement,
    with similarity 0 to everything.

    Parameters
    ----------
    comparison
        How the network compares.
    embeddings
        Shape (N, D).
    names
        Names of the photographs in error messages, N of them.

    Raises
    ------
    NoDirectionError
        If one cannot be compared.
    """
    for name, embedding in zip(names, embeddings, strict=True):
        if not comparable(comparison.kind, embedding):
            raise NoDirectionError(
                f"the embedding of {name} {lack_of(embedding)}: look whether the photograph shows "
                "anything, and whether the network gets its pixels as it was trained with them."
            )
