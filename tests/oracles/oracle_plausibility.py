"""The check of plausibility, slowly: Lee et al. (2018), and a quantile that is counted out."""

from fractions import Fraction

import numpy as np

RIDGE = 3e-4


def unit(vector: list[float]) -> list[float]:
    length = sum(x * x for x in vector) ** 0.5
    return [x / length for x in vector]


def distance(embedding: list[float], known: list[list[float]]) -> float:
    """The Mahalanobis distance by its definition: the inverse of the covariance, term by term."""
    rows = [unit(one) for one in known]
    n, d = len(rows), len(rows[0])
    mean = [sum(row[i] for row in rows) / n for i in range(d)]
    covariance = [
        [sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in rows) / (n - 1) for j in range(d)]
        for i in range(d)
    ]
    variance = sum(covariance[i][i] for i in range(d)) / d
    for i in range(d):
        covariance[i][i] += RIDGE * variance
    inverse = np.linalg.inv(np.array(covariance)).tolist()
    off = [x - m for x, m in zip(unit(embedding), mean, strict=True)]
    square = sum(off[i] * inverse[i][j] * off[j] for i in range(d) for j in range(d))
    return square**0.5


def limit(distances: list[float], people: list[str], false_alarms: Fraction) -> float:
    """The smallest distance that leaves a new person's photographs beyond it as seldom as asked.

    Of one more person, who is like the others, every place among them is equally likely: so all of
    the new one's photographs are counted as beyond. The largest distance, if none is enough.
    """
    names = set(people)
    for candidate in sorted(distances):
        beyond = Fraction(1)
        for name in names:
            own = [d for d, who in zip(distances, people, strict=True) if who == name]
            beyond += Fraction(sum(d > candidate for d in own), len(own))
        if beyond / (len(names) + 1) <= false_alarms:
            return candidate
    return max(distances)
