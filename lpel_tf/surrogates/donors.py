"""Chooses for each photograph the donor of its transplants, and another one of the same person."""

import hashlib
from bisect import bisect
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray


def choose_donors(
    digests: Sequence[bytes], identities: Sequence[str], sides: Sequence[str], seed: int
) -> NDArray[np.int64]:
    """Choose a donor for each photograph by consistent hashing.

    Photographs stand on a ring at the place of their digest, and the donor is the next one after a
    place that depends on the seed and the photograph's own digest. So donors do not depend on the
    order of the photographs, and a new photograph becomes the donor of few others: what was
    measured of the rest stays.

    Parameters
    ----------
    digests
        The SHA-256 of each photograph's content.
    identities
        Who each is.
    sides
        The side of the split that each is on; nobody gets a donor of another side.
    seed
        Of the choice.

    Returns
    -------
    NDArray[np.int64]
        The place of each photograph's donor, shape (N,): a photograph of another person, or where
        its side shows one person alone, any of that side, perhaps itself.
    """
    donors = np.zeros(len(digests), np.int64)
    for side in sorted(set(sides)):
        ring = sorted((digests[i], i) for i in range(len(digests)) if sides[i] == side)
        places = [digest for digest, _ in ring]
        for digest, i in ring:
            point = hashlib.sha256(f"donor {seed} ".encode() + digest).digest()
            donors[i] = _next_of_another(ring, bisect(places, point), identities, i)
    return donors


def others_of_same(digests: Sequence[bytes], identities: Sequence[str]) -> NDArray[np.int64]:
    """Choose for each photograph another one of the same person, itself where there is none.

    They stand on a ring by their digests, so that a new photograph changes few others' choice.

    Returns
    -------
    NDArray[np.int64]
        Places, shape (N,).
    """
    others = np.arange(len(digests))
    ring = sorted(range(len(digests)), key=lambda i: (identities[i], digests[i]))
    for _, group in groupby(ring, key=lambda i: identities[i]):
        same = list(group)
        others[same] = np.roll(same, -1)
    return others


def _next_of_another(
    ring: Sequence[tuple[bytes, int]], start: int, identities: Sequence[str], own: int
) -> int:
    following = (ring[(start + step) % len(ring)][1] for step in range(len(ring)))
    return next(
        (i for i in following if identities[i] != identities[own]), ring[start % len(ring)][1]
    )
