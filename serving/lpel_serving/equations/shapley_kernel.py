"""Coalitions of superpixels that say much about Shapley values: drawn by Shapley's kernel.

The kernel weighs coalitions by their size (KernelSHAP: Lundberg and Lee 2017, *A unified approach
to interpreting model predictions*, NeurIPS). They are drawn in pairs with their complements, whose
errors mostly cancel (Covert and Lee 2021, *Improving KernelSHAP*, AISTATS).
"""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Coalitions


def every_coalition(superpixels: int) -> Coalitions:
    """List every coalition but the empty one and that of all, shape (2**K - 2, K)."""
    numbers: NDArray[np.int64] = np.arange(1, (1 << superpixels) - 1)
    return (numbers[:, np.newaxis] >> np.arange(superpixels)) % 2 == 1


def draw_pairs(rng: np.random.Generator, count: int, superpixels: int) -> Coalitions:
    """Draw coalitions by Shapley's kernel, each followed by its complement, shape (count, K).

    The sizes follow the kernel's distribution as evenly as their number allows. Among coalitions of
    one size, superpixels are dealt from shuffled decks, so that each is a member about as often as
    any other.
    """
    pairs = -(-count // 2)
    sizes = np.arange(1, superpixels // 2 + 1)
    share = 1 / (sizes * (superpixels - sizes)) * np.where(2 * sizes == superpixels, 1, 2)
    upper = np.cumsum(share) / share.sum()
    drawn = sizes[np.searchsorted(upper[:-1], (np.arange(pairs) + rng.random()) / pairs)]
    chosen = np.zeros((pairs, superpixels), np.bool_)
    deck, last = np.zeros(0, np.int64), 0
    for row, size in zip(chosen, drawn.tolist(), strict=True):
        if size != last or len(deck) < size:
            deck, last = rng.permutation(superpixels), size
        row[deck[:size]] = True
        deck = deck[size:]
    both = np.stack([chosen, ~chosen], axis=1).reshape(2 * pairs, superpixels)
    return both[:count]
