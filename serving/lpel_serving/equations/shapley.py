"""Shapley values of a game on superpixels, by least squares over a fixed design of coalitions.

The game is a similarity that depends on which superpixels are replaced. Its Shapley values are the
additive map that is closest to it in weighted squares (KernelSHAP: Lundberg and Lee 2017, *A
unified approach to interpreting model predictions*, NeurIPS) among those that sum to the whole
change (efficiency). The solution is linear in the values of the coalitions, so that one matrix,
computed once, explains any number of pairs. Coalitions are drawn in pairs with their complements,
whose errors mostly cancel (Covert and Lee 2021, *Improving KernelSHAP*, AISTATS).
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Coalitions
from lpel_serving.support.errors import ParameterError

_CUTOFF = 1e-10
"""Directions with a smaller share of the design's largest singular value are left at the mean."""


@dataclass(frozen=True, eq=False)
class ShapleyDesign:
    """Coalitions to be asked for, and the matrix from their values to attributions.

    Attributes
    ----------
    coalitions
        Bool, shape (M + 2, K): the design's, then the empty one, then that of all superpixels.
    matrix
        Float64, shape (K, M + 2): attributions are ``matrix @ values``. Its columns sum to 0, the
        last two to -1 and 1: attributions sum to the value of all minus that of none.
    """

    coalitions: Coalitions
    matrix: NDArray[np.float64]

    def attributions(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Attribute values of the coalitions, shape (..., M + 2), to superpixels, shape (..., K).

        The result for a game does not depend on the others that are computed with it.

        Raises
        ------
        ParameterError
            If there are not as many values as coalitions.
        """
        if values.shape[-1:] != self.matrix.shape[1:]:
            raise ParameterError(
                f"expected values of shape (..., {self.matrix.shape[1]}), one for each coalition "
                f"of the design, received {values.shape}: ask for the values of `coalitions`."
            )
        # One product for each game: that of all games together may round otherwise.
        columns = values.astype(np.float64)[..., np.newaxis]
        return np.matmul(self.matrix, columns)[..., 0]


def shapley_design(rng: np.random.Generator, count: int, superpixels: int) -> ShapleyDesign:
    """Draw a design, or take every coalition where there are no more than `count`.

    Parameters
    ----------
    rng
        The source of randomness.
    count
        M, the coalitions besides none and all; fewer than about ``2 K`` leave some directions
        undetermined, in which superpixels are taken to be alike.
    superpixels
        K.

    Raises
    ------
    ParameterError
        If there would be no coalition or no superpixel.
    """
    if count < 1 or superpixels < 1:
        raise ParameterError(
            "a design has 1 coalition or more, of 1 superpixel or more; received "
            f"{count} coalitions of {superpixels} superpixels."
        )
    if superpixels <= 20 and 2**superpixels - 2 <= count:
        chosen = every_coalition(superpixels)
        weights = shapley_weights(chosen)
    else:
        chosen = draw_pairs(rng, count, superpixels)
        weights = np.ones(len(chosen))  # they are drawn by their weights
    ends = np.array([[False], [True]]).repeat(superpixels, axis=1)
    matrix = attribution_matrix(chosen, weights)
    return ShapleyDesign(np.concatenate([chosen, ends]), matrix)


def every_coalition(superpixels: int) -> Coalitions:
    """List every coalition but the empty one and that of all, shape (2**K - 2, K)."""
    numbers: NDArray[np.int64] = np.arange(1, (1 << superpixels) - 1)
    return (numbers[:, np.newaxis] >> np.arange(superpixels)) % 2 == 1


def shapley_weights(coalitions: Coalitions) -> NDArray[np.float64]:
    """Shapley's kernel of coalitions, neither empty nor of all, shape (M, K), to (M,), sum 1."""
    superpixels = coalitions.shape[1]
    by_size = np.zeros(superpixels + 1)
    ways = 1.0
    for size in range(1, superpixels):
        ways *= (superpixels - size + 1) / size
        by_size[size] = 1 / (ways * size * (superpixels - size))
    weights = by_size[coalitions.sum(axis=1)]
    return weights / (weights.sum() or 1)


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


def attribution_matrix(coalitions: Coalitions, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the weighted least squares under the efficiency constraint, for any values.

    Parameters
    ----------
    coalitions
        Shape (M, K).
    weights
        Of their squares, shape (M,), not negative.

    Returns
    -------
    NDArray[np.float64]
        Shape (K, M + 2), for the values of the coalitions, of none and of all. Where coalitions
        leave a direction undetermined, the attributions nearest to equal shares are taken.
    """
    superpixels = coalitions.shape[1]
    root = np.sqrt(weights)[:, np.newaxis]
    members = coalitions.astype(np.float64)
    sizes = members.sum(axis=1, keepdims=True)
    # The constraint is solved by equal shares of the whole change, plus what sums to 0.
    centred = root * (members - sizes / superpixels)
    solved = cast("NDArray[np.float64]", np.linalg.pinv(centred, rcond=_CUTOFF)) * root.T
    solved -= solved.mean(axis=0)
    of_all = (1 - solved @ sizes) / superpixels
    of_none = -solved.sum(axis=1, keepdims=True) - of_all
    return np.concatenate([solved, of_none, of_all], axis=1)
