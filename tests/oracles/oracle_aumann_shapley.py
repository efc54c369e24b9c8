"""Aumann-Shapley values by definition: a player's derivative, integrated along the diagonal."""


def aumann_shapley_values(game, players, parts=400, change=1e-4):
    """``game`` takes a list of memberships, floats from 0 to 1; by Simpson's rule."""
    values = []
    for player in range(players):
        total = 0.0
        for i in range(parts + 1):
            weight = 1 if i in {0, parts} else 4 if i % 2 else 2
            total += weight * derivative(game, players, player, i / parts, change)
        values.append(total / (3 * parts))
    return values


def derivative(game, players, player, t, change):
    more, less = [t] * players, [t] * players
    more[player] += change
    less[player] -= change
    return (game(more) - game(less)) / (2 * change)


def multilinear(game, players):
    """Extend a game on sets of players to memberships: its mean if each takes part by chance."""

    def extended(memberships):
        total = 0.0
        for number in range(2**players):
            chosen = frozenset(i for i in range(players) if number >> i & 1)
            chance = 1.0
            for i, membership in enumerate(memberships):
                chance *= membership if i in chosen else 1 - membership
            total += chance * game(chosen)
        return total

    return extended
