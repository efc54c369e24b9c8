"""The losses of section 2.1.3 from their equations, in float64 and one number at a time."""

import math
from collections.abc import Sequence

Vector = Sequence[float]


def squared_distance(a: Vector, b: Vector) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def contrastive(h_i: Vector, h_j: Vector, z: int, alpha: float) -> float:
    """One term of Eq. 2.3; z is 1 where the classes differ."""
    d = squared_distance(h_i, h_j)
    return d if z == 0 else max(0.0, alpha - d)


def triplet(h_a: Vector, h_p: Vector, h_n: Vector, alpha: float, *, squared: bool) -> float:
    """One term of Eq. 2.1 with both distances of one kind."""
    d_p, d_n = squared_distance(h_a, h_p), squared_distance(h_a, h_n)
    if not squared:
        d_p, d_n = math.sqrt(d_p), math.sqrt(d_n)
    return max(0.0, d_p - d_n + alpha)


def softmax(scores: Vector, label: int) -> float:
    """One term of Eq. 2.4."""
    return -math.log(math.exp(scores[label]) / sum(math.exp(v) for v in scores))


def center(h: Vector, c: Vector) -> float:
    """One term of Eq. 2.5."""
    return squared_distance(h, c) / 2


def moved(
    centers: Sequence[Vector], batch: Sequence[Vector], labels: Sequence[int], alpha: float
) -> list[list[float]]:
    """All centers after one batch (Eq. 2.6)."""
    after: list[list[float]] = []
    for k, c in enumerate(centers):
        own = [h for h, label in zip(batch, labels, strict=True) if label == k]
        step = [sum(c[i] - h[i] for h in own) / (1 + len(own)) for i in range(len(c))]
        after.append([c[i] - alpha * step[i] for i in range(len(c))])
    return after
