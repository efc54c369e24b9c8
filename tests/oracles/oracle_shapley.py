"""Shapley values as Shapley defined them: the mean of a player's additions over all orders."""

from fractions import Fraction
from itertools import combinations
from math import factorial


def shapley_values(game, players):
    """``game`` takes a frozenset of players 0..K-1; every subset is asked for."""
    known = {
        frozenset(chosen): game(frozenset(chosen))
        for size in range(players + 1)
        for chosen in combinations(range(players), size)
    }
    values = []
    for player in range(players):
        total = 0.0
        for chosen, value in known.items():
            if player in chosen:
                continue
            before = len(chosen)
            weight = Fraction(
                factorial(before) * factorial(players - before - 1), factorial(players)
            )
            total += float(weight) * (known[chosen | {player}] - value)
        values.append(total)
    return values
