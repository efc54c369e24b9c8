"""Prototypes: mean embeddings of classes (Eq. 3.2), the references of EMSNN."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.datasets.pairs import group_by_identity
from lpel_serving.support.errors import ParameterError

MIN_OTHERS = 5
"""The thesis takes classes with at least five other images than the one explained (5.5.2)."""


def prototype(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the embeddings of a class, shape (n, D), to its prototype ``c``, shape (D,), Eq. 3.2.

    Raises
    ------
    ParameterError
        If there are none.
    """
    if not len(embeddings):
        raise ParameterError("a prototype needs at least one embedding; received none.")
    return embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)


def prototypes(
    embeddings: NDArray[np.float32], classes: Mapping[str, Sequence[int]]
) -> NDArray[np.float32]:
    """Average the embeddings of some classes: shape (classes, D), from (N, D) and their places.

    Raises
    ------
    ParameterError
        If there is no class, or nothing in one.
    """
    if not classes:
        raise ParameterError("prototypes need at least one class; received none.")
    return np.stack([prototype(embeddings[list(places)]) for places in classes.values()])


def large_classes(identities: Sequence[str], others: int = MIN_OTHERS) -> dict[str, list[int]]:
    """List the places of each class that keeps enough images without any one of them."""
    groups = group_by_identity(identities)
    return {name: places for name, places in groups.items() if len(places) > others}
