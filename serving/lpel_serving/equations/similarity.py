"""How alike two embeddings are, and what the model decides from it (section 5.1.1)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.summation import fixed_dot
from lpel_serving.support.errors import EmbeddingError

Vectors = NDArray[np.float32]

DECISIONS = {True: "similar", False: "dissimilar"}
"""What a decision is called, wherever it is written."""

_TINY = np.float32(np.finfo(np.float32).tiny)
"""Divisors are at least this, so that a vector of zeros divides by something."""


def cosine_similarity(h_i: Vectors, h_j: Vectors) -> Vectors:
    """Cosine of the angle between embeddings, Eq. 5.1.

    Parameters
    ----------
    h_i, h_j
        float32, shape (..., D); a zero vector is as similar to everything as an orthogonal one.

    Returns
    -------
    NDArray[np.float32]
        Shape (...), in [-1, 1].
    """
    a, b = _scaled(h_i), _scaled(h_j)
    norms: Vectors = np.sqrt(fixed_dot(a, a) * fixed_dot(b, b))
    cosines: Vectors = np.divide(fixed_dot(a, b), np.maximum(norms, _TINY))
    return np.clip(cosines, np.float32(-1), np.float32(1))


def is_similar(similarity: float, threshold: float) -> bool:
    """Decide as the network does: the same class when the similarity exceeds the threshold.

    Both are compared in float32, as the one-file explainer can and every front door does.
    """
    return bool(are_similar(np.float32(similarity), threshold))


def are_similar(similarities: NDArray[Any] | np.float32, threshold: float) -> NDArray[np.bool_]:
    """Decide on many pairs as `is_similar` does on one, shape (...) to (...)."""
    return np.asarray(similarities, np.float32) > np.float32(threshold)


def margin(similarity: float, threshold: float) -> float:
    """By how much a similarity exceeds the threshold: above 0 if and only if they `is_similar`."""
    return float(margins(np.float32(similarity), threshold))


def margins(similarities: NDArray[Any] | np.float32, threshold: float) -> NDArray[np.float64]:
    """Compute the `margin` of many pairs, shape (...) to (...), float64."""
    scores = np.asarray(similarities, np.float32)
    # What is one number in float32 is at the threshold; beside it the sign is the decision's.
    return np.where(scores == np.float32(threshold), 0.0, scores.astype(np.float64) - threshold)


def unit(embeddings: Vectors) -> Vectors:
    """Scale embeddings, shape (..., D), to unit length; a zero vector stays.

    Raises
    ------
    EmbeddingError
        If one is not finite.
    """
    if not np.isfinite(embeddings).all():
        raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
    scaled = _scaled(embeddings)
    norms: Vectors = np.sqrt(fixed_dot(scaled, scaled))[..., np.newaxis]
    return np.divide(scaled, np.maximum(norms, _TINY))


def typical_length(embeddings: Vectors) -> float:
    """Root of the mean squared length of embeddings, shape (N, D); 1 for FaceNet's.

    What is to mean the same for every network, such as noise, is a share of it. Embeddings that
    are all 0 are taken to have the length 1.
    """
    squared = np.square(embeddings, dtype=np.float64).sum(axis=-1).mean()
    return float(np.sqrt(squared)) or 1.0


def _scaled(embeddings: Vectors) -> Vectors:
    """Bring the largest feature to 1, so that squares neither overflow nor vanish."""
    values = np.asarray(embeddings, np.float32)
    largest: Vectors = np.abs(values).max(axis=-1, keepdims=True)
    return np.divide(values, np.maximum(largest, _TINY))
