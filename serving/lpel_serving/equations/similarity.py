"""Similarity of two embeddings, their cosine (Eq. 5.1), and their lengths."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.summation import fixed_dot
from lpel_serving.support.errors import EmbeddingError

Vectors = NDArray[np.float32]

_TINY = np.float32(np.finfo(np.float32).tiny)
"""Lower bound of divisors, so that a zero vector causes no division by zero."""


def cosine_similarity(h_i: Vectors, h_j: Vectors) -> Vectors:
    """Cosine of the angle between embeddings, Eq. 5.1.

    Parameters
    ----------
    h_i, h_j
        float32, shape (..., D); a zero vector has similarity 0 to everything.

    Returns
    -------
    NDArray[np.float32]
        Shape (...), in [-1, 1].
    """
    a, b = _scaled(h_i), _scaled(h_j)
    norms: Vectors = np.sqrt(fixed_dot(a, a) * fixed_dot(b, b))
    cosines: Vectors = np.divide(fixed_dot(a, b), np.maximum(norms, _TINY))
    return np.clip(cosines, np.float32(-1), np.float32(1))


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

    Scales such as noise are given relative to it, so that they suit every network. Embeddings that
    are all 0 are taken to have the length 1.
    """
    squared = np.square(embeddings, dtype=np.float64).sum(axis=-1).mean()
    return float(np.sqrt(squared)) or 1.0


def _scaled(embeddings: Vectors) -> Vectors:
    """Bring the largest feature to 1, so that squares neither overflow nor vanish."""
    values = np.asarray(embeddings, np.float32)
    largest: Vectors = np.abs(values).max(axis=-1, keepdims=True)
    return np.divide(values, np.maximum(largest, _TINY))
