"""The maps of many pairs both ways, for usual shares: from embeddings, or one pair at a time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.held import Photograph, content_of
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.many import Places, explain_many, explains_many
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ParameterError

ReadFace = Callable[[int], Pixels]
"""Reads the face of a photograph by its number: the crop that was embedded."""
_AT_ONCE = 32
"""Pairs per batch, to bound the memory of a decoder with large images."""


def reading(embedder: Embedder, photographs: Sequence[Photograph]) -> ReadFace:
    """Read the faces of photographs as an embedder's crop cuts them out."""

    def read(number: int) -> Pixels:
        return embedder.read(content_of(photographs[number]), str(photographs[number]))

    return read


def maps_of_pairs(
    method: Method,
    networks: Networks,
    embeddings: Floats,
    pairs: Places,
    *,
    similar: bool,
    read: ReadFace | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Compute the maps of tests and references.

    Parameters
    ----------
    method, networks
        What explains; nothing is embedded by a method that explains from embeddings alone.
    embeddings
        Of the photographs, float32, shape (N, D).
    pairs
        The photographs of each, shape (n, 2): reference and test.
    similar
        The decision on all of them.
    read
        Reads the faces, for methods that need local features; each is read and passed through the
        embedder once.

    Returns
    -------
    maps : NDArray[np.float32]
        Of the pairs that have any, shape (m, 2, H, W): the test's, then the reference's.
    shown : NDArray[np.bool_]
        Which pairs have maps, shape (n,), m of them.

    Raises
    ------
    ParameterError
        If the method needs the faces, and `read` is missing.
    """
    if explains_many(method):
        found = [
            some
            for first in range(0, len(pairs), _AT_ONCE)
            for some in _together(
                method, networks, embeddings, pairs[first : first + _AT_ONCE], similar
            )
        ]
    elif read is not None:
        found = list(_one_by_one(method, networks, embeddings, pairs, similar, read))
    else:
        raise ParameterError(
            f"the method {type(method).__name__} needs the faces of the photographs: say how to "
            "read them."
        )
    shown = np.concatenate([np.full(n, maps is not None) for maps, n in found])
    maps = [maps for maps, _ in found if maps is not None]
    return np.concatenate(maps) if maps else np.zeros((0, 2, 1, 1), np.float32), shown


def _together(
    method: Method, networks: Networks, embeddings: Floats, pairs: Places, similar: bool
) -> Iterator[tuple[Floats | None, int]]:
    """Yield the maps of pairs in order; None for a pair without finite maps."""
    decisions = np.full(len(pairs), similar)
    for maps in explain_many(method, networks, embeddings, pairs[:, 0], pairs[:, 1], decisions):
        if isinstance(maps, EmbeddingError):
            yield None, 1
        else:
            yield np.stack(maps, axis=1), len(maps[0])


def _one_by_one(
    method: Method,
    networks: Networks,
    embeddings: Floats,
    pairs: Places,
    similar: bool,
    read: ReadFace,
) -> Iterator[tuple[Floats | None, int]]:
    """Yield the same of a method that needs local features, which are computed together."""
    numbers: list[int] = np.unique(pairs).tolist()
    crops = {number: read(number) for number in numbers}
    faces = list(crops.values())
    known = knowing(networks, faces, networks.features(np.stack(faces)))
    for r, t in pairs.tolist():
        pair = FacePair(crops[r], crops[t], embeddings[r], embeddings[t], similar)
        try:
            both = explain_both_ways(method, pair, known, np.random.default_rng(0))
        except EmbeddingError:
            yield None, 1
        else:
            yield np.stack([both.forward, both.swapped])[np.newaxis], 1
