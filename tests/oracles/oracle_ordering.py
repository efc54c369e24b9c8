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


def greedy(value, players, step, few, again):
    """At each step the `step` players that most raise the value, equal ones by number.

    Asked are, at the first step and every `again`-th, all that are left, at the others the `few`
    that raised it most when they were last asked.
    """
    chosen, left, raised = [], list(range(players)), {}
    for number in range(players):
        asked = sorted(left, key=lambda one: (-raised.get(one, 0), one))[:few]
        for one in left if number % again == 0 else asked:
            raised[one] = value(frozenset([*chosen, one])) - value(frozenset(chosen))
        able = left if number % again == 0 else asked
        chosen += sorted(able, key=lambda one: (-raised[one], one))[:step]
        left = [one for one in left if one not in chosen]
    return chosen


def insertion(value, players, step, few):
    """All are chosen; the `step` that can be left out at the highest value come last, and so on.

    Asked are all at first, then the `few` that could be left out best when they were last asked.
    """
    chosen, last, kept = list(range(players)), [], {}
    while chosen:
        able = sorted(chosen, key=lambda one: (-kept[one], one))[:few] if kept else chosen
        for one in able:
            kept[one] = value(frozenset(chosen) - {one}) - value(frozenset(chosen))
        last += sorted(able, key=lambda one: (-kept[one], one))[:step]
        chosen = [one for one in chosen if one not in last]
    return last[::-1]
