"""Search one to many: the members of a gallery most similar to a probe."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.support.arrays import Floats

Places = NDArray[np.int64]
"""Indices of members in a gallery, from 0."""
Numbers = NDArray[np.int64]
"""Numbers of distinct images."""

NOBODY = -np.inf
"""Similarity in places where no member was found."""
_BLOCK = 16_384
"""Members of the gallery in one block."""
_NUMBERS = 2**23
"""Upper bound of the products held at a time, and of the features for exact similarities."""
_ROUNDING = 1e-5
"""Tolerance: what matrix products give may differ by this from the reported similarity, or by this
share of it where it is beyond 1, as of a distance it may be."""


def most_similar(
    comparison: Comparison,
    probes: Floats,
    size: int,
    gallery: Callable[[slice], Floats],
    top: int,
    images: tuple[Numbers, Numbers] | None = None,
) -> tuple[Places, Floats]:
    """Find the most similar members of a gallery for each probe.

    Members are ranked by exactly the similarity reported for a pair; of equal ones, the one listed
    first comes first.

    Parameters
    ----------
    comparison
        How the network compares.
    probes
        Embeddings, float32, shape (P, D), finite.
    size
        The number of members of the gallery.
    gallery
        Returns the embeddings of some members, float32, shape (N, D), finite.
    top
        The number of members to find for each probe.
    images
        The numbers of the probes' images and of the members': members with the probe's own image
        are left out. When None, none is left out.

    Returns
    -------
    tuple[NDArray[np.int64], NDArray[np.float32]]
        Indices in the gallery and similarities, shape (P, min(top, size)), the most similar first;
        similarities are `NOBODY` where the gallery has no more members.
    """
    at_once = max(1, _NUMBERS // min(size, _BLOCK))
    of_probes, of_members = images or (np.full(len(probes), -1), np.full(size, -2))
    parts = [
        _of_some(
            comparison,
            (probes[i : i + at_once], of_probes[i : i + at_once]),
            (gallery, of_members),
            min(top, size),
        )
        for i in range(0, max(1, len(probes)), at_once)
    ]
    places, similarities = zip(*parts, strict=True)
    return np.concatenate(places), np.concatenate(similarities)


def _of_some(
    comparison: Comparison,
    asked: tuple[Floats, Numbers],
    searched: tuple[Callable[[slice], Floats], Numbers],
    top: int,
) -> tuple[Places, Floats]:
    """Find them for as many probes as fit into memory with their products with a block."""
    (probes, of_probes), (gallery, of_members) = asked, searched
    places = np.empty((len(probes), 0), np.int64)
    similarities = np.empty((len(probes), 0), np.float32)
    scaled = _Probes.of(comparison, probes)
    for first in range(0, len(of_members), _BLOCK):
        numbers = of_members[first : first + _BLOCK]
        members = gallery(slice(first, first + len(numbers)))
        products = scaled.nearly(members)
        products[_same(of_probes, numbers)] = NOBODY
        of = _hopeful(products, similarities, top)
        found = _candidates(products[of], top)
        exact = _exact(comparison, probes[of], members, found)
        exact[of_probes[of, np.newaxis] == numbers[found]] = NOBODY
        best = _best(
            np.concatenate([places[of], first + found], axis=1),
            np.concatenate([similarities[of], exact], axis=1),
            top,
        )
        if len(of) == len(probes):
            places, similarities = best
        else:
            places[of], similarities[of] = best
    return places, similarities


@dataclass(frozen=True, eq=False)
class _Probes:
    """Probes, prepared for similarities to many members that are right but for rounding.

    Distances are computed in float64: a large vector that all embeddings share would take up the
    digits of float32.
    """

    comparison: Comparison
    raw: Floats
    scaled: Floats

    @classmethod
    def of(cls, comparison: Comparison, probes: Floats) -> "_Probes":
        return cls(comparison, probes, comparison.scale(probes))

    def nearly(self, members: Floats) -> Floats:
        """Their similarities to members, shape (N, D): (P, N)."""
        if self.comparison.kind == "head":
            return self.comparison.similarity(self.raw[:, np.newaxis], members)
        others = self.comparison.scale(members)
        if self.comparison.kind == "cosine":
            return self.scaled @ others.T
        own, theirs = (one.astype(np.float64) for one in (self.scaled, others))
        squares = [np.square(one).sum(axis=1) for one in (own, theirs)]
        apart: NDArray[np.float64] = np.add.outer(*squares) - 2 * (own @ theirs.T)
        return (1 - apart / 2).astype(np.float32)


def _same(of_probes: Numbers, of_members: Numbers) -> tuple[Places, Places]:
    """Find the probes and members that are the same image."""
    shared = np.flatnonzero(np.isin(of_members, of_probes))
    probes, which = np.nonzero(of_probes[:, np.newaxis] == of_members[shared])
    return probes, shared[which]


def _hopeful(products: Floats, similarities: Floats, top: int) -> Places:
    """Find the probes for which a block may have better members than those found so far."""
    if similarities.shape[1] < top:
        return np.arange(len(products))
    return np.flatnonzero(products.max(axis=1) >= _at_least(similarities[:, -1]))


def _at_least(least: Floats) -> Floats:
    """The least that a product may be whose exact similarity may reach another."""
    return least - np.float32(_ROUNDING) * np.maximum(np.float32(1), np.abs(least))


def _candidates(products: Floats, top: int) -> Places:
    """Indices of all candidates for the best of each row, equally many for each row."""
    if products.shape[1] <= top:
        return np.tile(np.arange(products.shape[1], dtype=np.int64), (len(products), 1))
    least = np.partition(products, -top, axis=1)[:, -top, np.newaxis]
    many = int((products >= _at_least(least)).sum(axis=1).max(initial=top))
    return np.sort(np.argpartition(products, -many, axis=1)[:, -many:], axis=1)


def _exact(comparison: Comparison, probes: Floats, members: Floats, found: Places) -> Floats:
    """Similarities of probes to some members each, shape (P, found)."""
    rows = max(1, _NUMBERS // (found.shape[1] * probes.shape[1]))  # many, if members are alike
    parts = [
        comparison.similarity(probes[i : i + rows, np.newaxis], members[found[i : i + rows]])
        for i in range(0, len(probes), rows)
    ]
    return np.concatenate(parts) if parts else np.empty(found.shape, np.float32)


def _best(places: Places, similarities: Floats, top: int) -> tuple[Places, Floats]:
    order = np.lexsort((places, -similarities), axis=1)[:, :top]
    return (
        np.take_along_axis(places, order, axis=1),
        np.take_along_axis(similarities, order, axis=1),
    )
