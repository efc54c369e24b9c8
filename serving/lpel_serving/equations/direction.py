"""Embeddings that have no direction: no cosine can be taken of them, though one is computed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import NoDirectionError

NOT_FINITE = "holds NaN or infinity"
ALL_ZERO = "is zero all over, and so has no direction that could be compared"


def has_direction(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each embedding, shape (..., D), is finite and not zero all over: shape (...)."""
    return np.isfinite(embeddings).all(axis=-1) & (embeddings != 0).any(axis=-1)


def lack_of(embedding: NDArray[np.float32]) -> str:
    """What is wrong with an embedding, shape (D,), that has no direction."""
    return ALL_ZERO if np.isfinite(embedding).all() else NOT_FINITE


def check_directions(embeddings: NDArray[np.float32], names: Sequence[str]) -> None:
    """Raise unless photographs have embeddings that can be compared.

    It is for photographs alone: where a perturbed image has the embedding zero, that the network
    sees nothing in it is an answer, and its similarity of 0 to everything counts.

    Parameters
    ----------
    embeddings
        Shape (N, D).
    names
        What complaints call the photographs, N of them.

    Raises
    ------
    NoDirectionError
        If one is not finite, or zero all over.
    """
    for name, embedding in zip(names, embeddings, strict=True):
        if not has_direction(embedding):
            raise NoDirectionError(
                f"the embedding of {name} {lack_of(embedding)}: look whether the photograph shows "
                "anything, and whether the network gets its pixels as it was trained with them."
            )
