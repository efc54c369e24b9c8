"""Games on superpixels whose values, and Shapley values, are known."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Pairwise:
    """``constant - single . z - z' both z / 2``: what superpixels take alone, and two together.

    ``both`` is symmetric, 0 on its diagonal. A superpixel's Shapley value is what it takes alone
    plus half of what it takes with each other.
    """

    constant: float
    single: np.ndarray
    both: np.ndarray

    def values(self, coalitions: np.ndarray) -> np.ndarray:
        z = coalitions.astype(np.float64)
        return self.constant - z @ self.single - np.einsum("...i,ij,...j->...", z, self.both, z) / 2

    @property
    def shapley(self) -> np.ndarray:
        """What replacing each superpixel takes from the value: the fall."""
        return self.single + self.both.sum(axis=1) / 2


def pairwise(rng: np.random.Generator, superpixels: int, strength: float = 0.3) -> Pairwise:
    """A random one; with strength 0 it is additive."""
    both = rng.normal(size=(superpixels, superpixels)) * strength / superpixels
    both = np.triu(both, 1)
    single = rng.normal(size=superpixels) / superpixels
    return Pairwise(0.5, single, both + both.T)


def any_game(rng: np.random.Generator, superpixels: int) -> np.ndarray:
    """Random values of all coalitions, indexed by the sum of 2**i over members: shape (2**K,)."""
    return rng.normal(size=2**superpixels)


def of_table(table: np.ndarray, coalitions: np.ndarray) -> np.ndarray:
    """Look the values of coalitions up in such a table."""
    return table[coalitions.astype(np.int64) @ (1 << np.arange(coalitions.shape[-1]))]
