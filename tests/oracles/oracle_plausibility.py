"""The check of plausibility, slowly: Lee et al. (2018), and a quantile that is counted out."""

from fractions import Fraction

import numpy as np

RIDGE = 1e-3


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


def limit(distances: list[float], false_alarms: Fraction) -> float:
    """The smallest of some distances that leaves a new one above it no more often than asked.

    Of one more distance, drawn like the others, every place in the order is equally likely.
    """
    for candidate in sorted(distances):
        above = sum(one > candidate for one in distances)
        if Fraction(above + 1, len(distances) + 1) <= false_alarms:
            return candidate
    raise ValueError("there are too few distances")
