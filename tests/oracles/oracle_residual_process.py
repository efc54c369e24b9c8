"""A Gaussian process conditioned on everything at once, from the definition of its covariances.

The engine updates superpixels by one residual at a time; here the covariances of residuals with
each other and with the corrections are written out, and conditioned on together.
"""

import math

from oracles.oracle_responses import dot, kernel, solved, transposed


def noise_of(coalition, noise):
    return noise * sum(coalition)


def covariance_of(one, other, prior):
    """Of two residuals, without noise."""
    members, others = ([i for i, m in enumerate(c) if m] for c in (one, other))
    return math.fsum(prior[i][j] for i in members for j in others)


def conditioned(coalitions, residuals, noise, side, smoothness):
    """Posterior mean and covariance of the corrections, variances relative to a correction's."""
    prior = kernel(side, smoothness)
    gram = [
        [
            covariance_of(one, other, prior) + (noise_of(one, noise) if i == j else 0)
            for j, other in enumerate(coalitions)
        ]
        for i, one in enumerate(coalitions)
    ]
    across = [
        [math.fsum(prior[k][i] for i, m in enumerate(one) if m) for one in coalitions]
        for k in range(side * side)
    ]
    if not coalitions:
        return [0.0] * side * side, prior
    weights = transposed(solved(gram, [[r] for r in residuals]))[0]
    mean = [dot(row, weights) for row in across]
    solutions = transposed(solved(gram, transposed(across)))
    covariance = [
        [prior[k][m] - dot(across[k], solutions[m]) for m in range(side * side)]
        for k in range(side * side)
    ]
    return mean, covariance


def log_likelihood(coalitions, residuals, noise, side, smoothness):
    """Of all residuals at the scale that makes them likeliest, by the chain rule, no constant."""
    surprise, volume = [], []
    prior = kernel(side, smoothness)
    for i, one in enumerate(coalitions):
        before = coalitions[:i]
        gram = [
            [
                covariance_of(a, b, prior) + (noise_of(a, noise) if j == k else 0)
                for k, b in enumerate(before)
            ]
            for j, a in enumerate(before)
        ]
        across = [covariance_of(one, other, prior) for other in before]
        variance = covariance_of(one, one, prior) + noise_of(one, noise)
        expected = 0.0
        if before:
            weights = transposed(solved(gram, [[c] for c in across]))[0]
            variance -= dot(weights, across)
            expected = dot(weights, residuals[:i])
        surprise.append((residuals[i] - expected) ** 2 / variance)
        volume.append(math.log(variance))
    count = len(coalitions)
    scale = math.fsum(surprise) / count
    return -(math.fsum(volume) + count * math.log(scale)) / 2, scale
