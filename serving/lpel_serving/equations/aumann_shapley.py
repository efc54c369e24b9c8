"""Aumann-Shapley values of a game on superpixels, from a fixed design of memberships.

The game is a similarity that depends on how much each superpixel is a member of the coalition that
is replaced: 0 shows it, 1 replaces it. What lies between no image has: there a surrogate moves its
state a part of the way. A superpixel's value is the derivative of the game with respect to its
membership, integrated along the diagonal, on which all memberships are equal (Aumann and Shapley
1974, *Values of Non-Atomic Games*; integrated gradients: Sundararajan et al. 2017, *Axiomatic
attribution for deep networks*). Where the game is linear in every single membership, these are its
Shapley values. Here the integral is a mean over midpoints, and the derivatives are differences, so
that the values are linear in those of the game at a few points. They are summed in a fixed order,
so that a file of the whole explainer has the same bytes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.summation import Real, fixed_sum
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError

DIFFERENCE = 1 / 32
"""By how much a membership is changed at most. A similarity is float32, known to about 1e-7: with
less its rounding would show in the differences, with more they would be no derivatives."""


LARGEST = 32 * 2**20
"""Bytes of a design's coalitions, float32: a simulation of them takes more."""


@dataclass(frozen=True, eq=False)
class Design:
    """Memberships to be asked for, and how the game's values there become attributions.

    Attributes
    ----------
    coalitions
        Memberships, float32, 0 to 1, shape (M, K): T times a point, then one beside it for each
        superpixel; the last two are none, then all superpixels.
    weights
        Of the differences between a point and those beside it, float64, shape (T,).
    """

    coalitions: Floats
    weights: NDArray[np.float64]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """From the values of the game to attributions, shape (K, M): what `attributions` does.

        Its columns sum to 0, the last two to -1 and 1.
        """
        return self.attributions(np.eye(len(self.coalitions))).T

    def attributions(self, values: NDArray[Real]) -> NDArray[Real]:
        """Attribute values of the coalitions, shape (..., M), to superpixels, shape (..., K).

        They sum to the value of all superpixels minus that of none. The result for a game does not
        depend on the others that are computed with it.

        Values and attributions are float32 or float64.

        Raises
        ------
        ParameterError
            If there are not as many values as coalitions.
        """
        count, superpixels = self.coalitions.shape
        if values.shape[-1:] != (count,):
            raise ParameterError(
                f"expected values of shape (..., {count}), one for each coalition "
                f"of the design, received {values.shape}: ask for the values of `coalitions`."
            )
        around = values[..., :-2].reshape(*values.shape[:-1], -1, superpixels + 1)
        differences = around[..., 1:] - around[..., :1]
        weighted = differences * self.weights[:, np.newaxis].astype(values.dtype)
        means = fixed_sum(np.swapaxes(weighted, -1, -2))
        left = values[..., -1] - values[..., -2] - fixed_sum(means)
        return means + (left / superpixels)[..., np.newaxis]


def diagonal_design(steps: int, superpixels: int) -> Design:
    """Lay points on the diagonal, and beside each of them one more for every superpixel.

    Memberships rise at one point and fall at the next, so that the differences are central in the
    mean, and never leave the part of the diagonal whose midpoint the point is. What they leave of
    the whole change is spread evenly over the superpixels. So the values of a game quadratic in the
    memberships are exact if no membership is squared, or `steps` is even; in any other game a
    superpixel that changes nothing still has its share of what is left.

    Parameters
    ----------
    steps
        T points, the midpoints of as many equal parts of the diagonal.
    superpixels
        K.

    Returns
    -------
    Design
        Of M = T (K + 1) + 2 coalitions: for each point the point itself, then those beside it.

    Raises
    ------
    ParameterError
        If there would be no point or no superpixel, or coalitions of more than `LARGEST` bytes.
    """
    if steps < 1 or superpixels < 1:
        raise ParameterError(
            "a design has 1 step or more, of 1 superpixel or more; received "
            f"{steps} steps of {superpixels} superpixels."
        )
    if 4 * steps * superpixels**2 > LARGEST:
        raise ParameterError(
            f"{steps} steps of {superpixels} superpixels need coalitions of "
            f"{4 * steps * superpixels**2 / 2**20:.0f} MiB, more than {LARGEST // 2**20}: choose "
            "fewer steps, or a surrogate of a coarser grid."
        )
    step, each = np.arange(steps), np.arange(superpixels)
    middles = (step + 0.5) / steps
    changes = np.where(step % 2 == 0, 1, -1) * min(DIFFERENCE, 0.5 / steps)
    points, beside = middles.astype(np.float32), (middles + changes).astype(np.float32)
    around = np.empty((steps, superpixels + 1, superpixels), np.float32)
    around[:] = points[:, np.newaxis, np.newaxis]
    around[:, 1 + each, each] = beside[:, np.newaxis]
    ends = np.array([[0], [1]], np.float32).repeat(superpixels, axis=1)
    coalitions = np.concatenate([around.reshape(-1, superpixels), ends])
    apart = beside.astype(np.float64) - points  # as float32 has them, not as they were meant
    return Design(coalitions, 1 / (steps * apart))
