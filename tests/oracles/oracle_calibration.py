"""Platt scaling and its reliability straight from the formulas: lists and loops, no numpy.

`pairs` is a list of (similarity, whether it is of one person).
"""

import math
from itertools import pairwise

STEPS = 64
WIDEST = 1e4


def logistic(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x))


def count(pairs, kind):
    return sum(1 for _, same in pairs if same == kind)


def weight(pairs, kind):
    """Each kind of pair counts half."""
    return 1 / (2 * count(pairs, kind))


def target(pairs, kind):
    """Platt's: what a rule of succession makes of n pairs of a kind that all have it."""
    n = count(pairs, kind)
    return (n + 1) / (n + 2) if kind else 1 / (n + 2)


def slopes(rows, a, b):
    """Derivatives of the weighed negative log-likelihood by slope and intercept."""
    by_a = by_b = 0.0
    for s, share, wanted in rows:
        error = share * (logistic(a * s + b) - wanted)
        by_a, by_b = by_a + error * s, by_b + error
    return by_a, by_b


def bisect(rises, low, high):
    """Where a function that rises crosses 0."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        if rises(middle) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def fit(pairs):
    """The slope and intercept at which both derivatives are 0: one bisection within another."""

    rows = [(s, weight(pairs, same), target(pairs, same)) for s, same in pairs]

    def intercept(a):
        return bisect(lambda b: slopes(rows, a, b)[1], -WIDEST, WIDEST)

    a = bisect(lambda a: slopes(rows, a, intercept(a))[0], 0, WIDEST)
    return a, intercept(a)


def held_out(pairs, folds):
    """The prediction for each pair by a fit on the pairs of the other folds."""
    dealt, seen = [], {True: 0, False: 0}
    for _, same in pairs:
        dealt.append(seen[same] % folds)
        seen[same] += 1
    fits = [fit([p for p, k in zip(pairs, dealt, strict=True) if k != f]) for f in range(folds)]
    return [fits[k][0] * s + fits[k][1] for (s, _), k in zip(pairs, dealt, strict=True)]


def scores(pairs, log_odds):
    """Brier score and log loss, each kind of pair counting half."""
    brier = loss = 0.0
    for (_, same), x in zip(pairs, log_odds, strict=True):
        p = logistic(x)
        brier += weight(pairs, same) * (p - same) ** 2
        loss -= weight(pairs, same) * math.log(p if same else logistic(-x))
    return brier, loss


def wilson(share, n, z):
    """The shares from which the observed one is no further than z standard errors."""

    def beyond(p):
        return abs(share - p) - z * math.sqrt(p * (1 - p) / n)

    low = 0.0 if beyond(0) <= 0 else bisect(lambda p: -beyond(p), 0, share)
    high = 1.0 if beyond(1) <= 0 else bisect(beyond, share, 1)
    return low, high


def bins(pairs, log_odds, edges):
    """(predicted, observed, low, high, pairs) of each bin that has pairs, and the total error."""
    rows, error = [], 0.0
    for low, high in pairwise(edges):
        held = [
            (logistic(x), same, weight(pairs, same))
            for (_, same), x in zip(pairs, log_odds, strict=True)
            if low <= logistic(x) < high or (high == 1 and logistic(x) == 1)
        ]
        if held:
            total = sum(w for _, _, w in held)
            predicted = sum(w * p for p, _, w in held) / total
            observed = sum(w for _, same, w in held if same) / total
            effective = total**2 / sum(w**2 for _, _, w in held)
            rows.append((predicted, observed, *wilson(observed, effective, 1.959964), len(held)))
            error += total * abs(predicted - observed)
    return rows, error
