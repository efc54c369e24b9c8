"""Draws pairs of photographs, of the same person or of two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.held import Photograph
from lpel_serving.support.errors import PairsError


@dataclass(frozen=True)
class Pair:
    """Two photographs, and whether they show the same person."""

    reference: Photograph
    test: Photograph
    same: bool


def sample_pairs(faces: Sequence[Face], n: int, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Draw distinct pairs of photographs; see `draw_pairs`."""
    drawn = draw_pairs([face.identity for face in faces], n, rng)
    return tuple(Pair(faces[a].path, faces[b].path, same) for a, b, same in drawn)


def sample_of_each(faces: Sequence[Face], n: int, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Draw up to `n` pairs of the same person, then up to `n` of two people, or all there are."""
    drawn = draw_of_each([face.identity for face in faces], n, rng)
    return tuple(Pair(faces[a].path, faces[b].path, same) for a, b, same in drawn)


def draw_of_each(
    identities: Sequence[str], n: int, rng: np.random.Generator
) -> list[tuple[int, int, bool]]:
    """The same, by indices of the photographs; see `draw_pairs`."""
    groups = list(group_by_identity(identities).values())
    of_one, of_two = count_pairs(identities)
    same = _pairs_of_one(groups, min(n, of_one), rng)
    different = _pairs_of_two(groups, min(n, of_two), rng)
    return [(a, b, True) for a, b in same] + [(a, b, False) for a, b in different]


def draw_pairs(
    identities: Sequence[str], n: int, rng: np.random.Generator
) -> list[tuple[int, int, bool]]:
    """Draw distinct pairs at random, half of the same person and half of two people.

    Parameters
    ----------
    identities
        Who is in each photograph; people with only one occur in the pairs of two people alone.
    n
        The number of pairs; if it is odd, one more of the same person. Every person with several
        photographs is equally likely to give a pair of the same person.
    rng
        The source of randomness.

    Returns
    -------
    list[tuple[int, int, bool]]
        Indices of the two photographs, and whether they show the same person.

    Raises
    ------
    PairsError
        If there are not that many distinct pairs.
    """
    groups = list(group_by_identity(identities).values())
    same_pairs, different_pairs = count_pairs(identities)
    if n < 1 or (n + 1) // 2 > same_pairs or n // 2 > different_pairs:
        raise PairsError(
            f"asked for {n} pairs, half of them of one identity; these photographs give at most "
            f"{same_pairs} of one identity and {different_pairs} of two."
        )
    same = _pairs_of_one(groups, (n + 1) // 2, rng)
    different = _pairs_of_two(groups, n // 2, rng)
    return [(a, b, True) for a, b in same] + [(a, b, False) for a, b in different]


def possible_pairs(identities: Sequence[str]) -> int:
    """Count the pairs that can be drawn, half of the same person and half of two people."""
    return 2 * min(count_pairs(identities))


def count_pairs(identities: Sequence[str]) -> tuple[int, int]:
    """Count the distinct pairs of the same person and of two people."""
    sizes = [len(group) for group in group_by_identity(identities).values()]
    same = sum(size * (size - 1) // 2 for size in sizes)
    different = len(identities) * (len(identities) - 1) // 2 - same
    return same, different


def group_by_identity(identities: Sequence[str]) -> dict[str, list[int]]:
    """List the indices of each person's photographs."""
    groups: dict[str, list[int]] = {}
    for place, identity in enumerate(identities):
        groups.setdefault(identity, []).append(place)
    return groups


def _pairs_of_one(
    groups: Sequence[Sequence[int]], n: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw pairs within groups; all groups that have pairs left are equally likely."""
    room = np.array([len(group) * (len(group) - 1) // 2 for group in groups], np.int64)
    taken = np.zeros_like(room)
    while (left := n - int(taken.sum())) > 0:
        spare = np.flatnonzero(taken < room)
        taken[spare] += rng.multinomial(left, np.full(len(spare), 1 / len(spare)))
        taken = np.minimum(taken, room)
    pairs: list[tuple[int, int]] = []
    for group, total, count in zip(groups, room, taken, strict=True):
        ranks = rng.choice(int(total), int(count), replace=False)
        pairs += [_pair_number(int(rank), group) for rank in ranks]
    return pairs


def _pair_number(rank: int, group: Sequence[int]) -> tuple[int, int]:
    """Find one of a group's pairs, numbered in the order 01, 02, 12, 03, 13, 23 and so on."""
    second = (1 + math.isqrt(1 + 8 * rank)) // 2
    return group[rank - second * (second - 1) // 2], group[second]


def _pairs_of_two(
    groups: Sequence[Sequence[int]], n: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Draw pairs across groups, all equally likely."""
    # Lined up by group, each photograph is paired with those after the end of its own group.
    line = np.concatenate([np.array(group, np.int64) for group in groups])
    sizes = [len(group) for group in groups]
    ends = np.repeat(np.cumsum(sizes), sizes)
    partners = len(line) - ends
    counted = np.cumsum(partners)
    ranks = rng.choice(int(counted[-1]), n, replace=False) if n else np.zeros(0, np.int64)
    first = np.searchsorted(counted, ranks, side="right")
    second = ends[first] + ranks - (counted - partners)[first]
    return [(int(a), int(b)) for a, b in zip(line[first], line[second], strict=True)]
