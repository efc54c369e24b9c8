"""Comparisons from their definitions, in float64 and one number at a time."""

import math
from collections.abc import Sequence

Vector = Sequence[float]


def distance(a: Vector, b: Vector) -> float:
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def spread(vectors: Sequence[Vector]) -> float:
    """Root of the mean squared distance from the mean vector."""
    n = len(vectors)
    mean = [sum(column) / n for column in zip(*vectors, strict=True)]
    return math.sqrt(sum(distance(one, mean) ** 2 for one in vectors) / n)


def similarity(h_r: Vector, h_t: Vector, of: float) -> float:
    """1 - d^2 / (2 spread^2)."""
    return 1 - distance(h_r, h_t) ** 2 / (2 * of**2)


def without(u: Vector, lost: Vector) -> list[float]:
    return [x - y for x, y in zip(u, lost, strict=True)]


def likeness(responses: Sequence[Vector], u_r: Vector, u_t: Vector) -> list[float]:
    """By how much the similarity falls as the test loses each."""
    return [similarity(u_r, u_t, 1) - similarity(u_r, without(u_t, r), 1) for r in responses]


def difference(
    of_test: Sequence[Vector], of_reference: Sequence[Vector], u_t: Vector, u_r: Vector
) -> list[float]:
    """By how much it rises as both lose each."""
    before = similarity(u_r, u_t, 1)
    both = zip(of_test, of_reference, strict=True)
    return [similarity(without(u_r, b), without(u_t, a), 1) - before for a, b in both]
