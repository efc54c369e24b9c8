"""The nearest falling sequence as its closed form has it: means of stretches, lowest of highest."""

from math import fsum


def decreasing(values):
    """At k, the least over starts a <= k of the largest mean of a stretch a..b with b >= k.

    See Robertson, Wright and Dykstra 1988, *Order restricted statistical inference*, theorem 1.4.4.
    """
    count = len(values)

    def mean(a, b):
        return fsum(values[a : b + 1]) / (b + 1 - a)

    return [
        min(max(mean(a, b) for b in range(k, count)) for a in range(k + 1)) for k in range(count)
    ]


def greedy(value, players, step):
    """At each step the `step` players that most raise the value, equal ones by number."""
    chosen, left = [], list(range(players))
    while left:
        ranked = sorted(left, key=lambda one: (-value(frozenset([*chosen, one])), one))
        chosen += ranked[:step]
        left = [one for one in left if one not in chosen]
    return chosen


def insertion(value, players, step):
    """All are chosen; the `step` that can be left out at the highest value come last, and so on."""
    chosen, last = list(range(players)), []
    while chosen:
        ranked = sorted(chosen, key=lambda one: (-value(frozenset(chosen) - {one}), one))
        last += ranked[:step]
        chosen = [one for one in chosen if one not in last]
    return last[::-1]
