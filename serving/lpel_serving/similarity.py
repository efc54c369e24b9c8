"""How alike two embeddings are, and what the model decides from it (section 5.1.1)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.errors import EmbeddingError

Vectors = NDArray[np.float32]


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
    a, b = h_i.astype(np.float64), h_j.astype(np.float64)
    products = np.sum(a * b, axis=-1)
    norms = np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))
    cosines = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return np.clip(cosines, -1, 1).astype(np.float32)


def is_similar(similarity: float, threshold: float) -> bool:
    """Decide as the network does: the same class when the similarity exceeds the threshold."""
    return similarity > threshold


def unit(embeddings: Vectors) -> Vectors:
    """Scale embeddings, shape (..., D), to unit length; a zero vector stays.

    Raises
    ------
    EmbeddingError
        If one is not finite.
    """
    if not np.isfinite(embeddings).all():
        raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=-1, keepdims=True)
    return (embeddings / np.where(norms > 0, norms, 1)).astype(np.float32)
