"""The least squares that training the response decoder is to arrive at, from its docstrings.

All unknowns stand in one long vector, and each number that is to be predicted is one equation, made
term by term. The engine's coordinates are principal directions and smooth modes, with the same
weight on each; here stand the plain directions (or, for a rank, those of a singular value
decomposition), of the same scale, and superpixels, with the inverse of the kernel between them: the
same penalty.
"""

import math

import numpy as np


def likeness(side, smoothness):
    """The kernel by which neighbouring superpixels respond alike."""
    places = [(row, column) for row in range(side) for column in range(side)]
    if smoothness == 0:
        return np.eye(side * side)
    squared = [[(a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 for b in places] for a in places]
    return np.array([[math.exp(-s / (2 * smoothness**2)) for s in row] for row in squared])


def largest_variance(h):
    """Along the direction in which embeddings spread most."""
    return np.linalg.svd(h - h.mean(axis=0), compute_uv=False)[0] ** 2 / len(h)


def place(superpixel, feature, number, r, k, d):
    """Where an unknown stands: after the K shares of the embedding itself."""
    return k + (superpixel * (1 + r) + feature) * d + number


def equations(h, about, coalitions, losses):
    """One for each number of each coalition's loss, of one photograph."""
    k, d, r = coalitions.shape[1], len(h), len(about) - 1
    for chosen, loss in zip(coalitions, losses, strict=True):
        members = [p for p in range(k) if chosen[p]]
        weight = 1 / math.sqrt(len(members))
        for number in range(d):
            row = np.zeros(k + k * (1 + r) * d)
            for p in members:
                row[p] = weight * h[number]
                for f, feature in enumerate(about):
                    row[place(p, f, number, r, k, d)] = weight * feature
            yield row, weight * loss[number]


def penalties(r, k, d, smoothness, ridge):
    """One for each weight, in smooth coordinates."""
    root = np.linalg.cholesky(np.linalg.inv(likeness(math.isqrt(k), smoothness))).T
    for feature in range(1 + r):
        for number in range(d):
            for of_root in root:
                row = np.zeros(k + k * (1 + r) * d)
                for p in range(k):
                    row[place(p, feature, number, r, k, d)] = of_root[p] * math.sqrt(ridge)
                yield row


def fit(h, coalitions, losses, smoothness, ridge, rank=None):
    """Minimise; returns a function that predicts responses, shape (K, D), from one embedding.

    The loss is the mean over photographs, coalitions and numbers of the squared error, a coalition
    weighing by one over its size; the penalty is ``ridge`` times the squares of the weights, per
    photograph and number. The share of the embedding itself is not penalised. Given a rank, the
    rest is a function of so many principal directions alone.
    """
    h, losses = h.astype(np.float64), losses.astype(np.float64)
    (n, m, k), d = coalitions.shape, h.shape[1]
    r = d if rank is None else rank
    mean, scale = h.mean(axis=0), math.sqrt(largest_variance(h))
    directions = np.eye(d) if rank is None else np.linalg.svd(h - mean)[2][:rank]

    def features(one):
        return [1.0, *(directions @ (one - mean) / scale)]

    rows = [
        (row / math.sqrt(n * m * d), wanted / math.sqrt(n * m * d))
        for i in range(n)
        for row, wanted in equations(h[i], features(h[i]), coalitions[i], losses[i])
    ]
    rows += [(row / math.sqrt(n * d), 0.0) for row in penalties(r, k, d, smoothness, ridge)]
    matrix, wanted = np.array([row for row, _ in rows]), np.array([value for _, value in rows])
    found = np.linalg.lstsq(matrix, wanted, rcond=None)[0]

    def number_of(one, p, number):
        rest = (
            found[place(p, f, number, r, k, d)] * feature for f, feature in enumerate(features(one))
        )
        return found[p] * one[number] + sum(rest)

    def respond(one):
        one = one.astype(np.float64)
        return np.array([[number_of(one, p, number) for number in range(d)] for p in range(k)])

    return respond
