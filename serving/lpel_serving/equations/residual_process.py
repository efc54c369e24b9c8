"""A Gaussian process over what a simulation got wrong of measured coalitions.

The residual of a coalition, measured minus simulated, is modelled as the sum of its members'
corrections plus noise: that of no coalition is 0, since there the simulation is exact. The
corrections have a Gaussian kernel on the grid, so that neighbours are alike. All variances are
relative to that of a correction, which is estimated from the residuals.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.attribution import SMOOTHNESS, spatial_kernel
from lpel_serving.support.errors import EmbeddingError

NOISES = (0.5, 2.0, 8.0, 32.0)
"""Noise variances of a single superpixel's residual that are considered."""

_TINY = 1e-30
_Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ResidualProcess:
    """What is known of the corrections of K superpixels.

    Attributes
    ----------
    corrections
        Their posterior mean, float64, shape (K,).
    covariance
        Posterior covariance, relative to the scale, shape (K, K).
    noise
        Noise variance of a superpixel's residual; that of a coalition grows with its size.
    count
        Residuals that were seen.
    surprise, volume
        Sums over them of the squared errors of prediction by their variances, and of the logarithms
        of these variances.
    """

    corrections: _Reals
    covariance: _Reals
    noise: float
    count: int = 0
    surprise: float = 0.0
    volume: float = 0.0

    @property
    def scale(self) -> float:
        """Standard deviation of a correction before anything was seen, as estimated since."""
        return float(np.sqrt(self.surprise / max(1, self.count)))

    @property
    def evidence(self) -> float:
        """Logarithm of the likelihood of what was seen, up to a constant, at the best scale."""
        return -(self.volume + self.count * float(np.log(max(self.scale**2, _TINY)))) / 2

    @property
    def errors(self) -> _Reals:
        """Standard deviation of each superpixel's residual as it would be measured, shape (K,).

        That of its correction, and of the noise that corrections do not explain.
        """
        variances = np.clip(np.diagonal(self.covariance), 0, None) + self.noise
        return self.scale * np.sqrt(variances)

    def seen(self, coalition: NDArray[np.bool_], residual: float) -> "ResidualProcess":
        """Update by the residual of a coalition of one superpixel or more, shape (K,).

        Raises
        ------
        EmbeddingError
            If the residual is not finite.
        """
        if not np.isfinite(residual):
            raise EmbeddingError("a measured similarity is NaN or infinity: the network is broken.")
        row = coalition.astype(np.float64)
        along = self.covariance @ row
        variance = float(row @ along + self.noise * row.sum())
        error = residual - float(row @ self.corrections)
        return replace(
            self,
            corrections=self.corrections + along * (error / variance),
            covariance=self.covariance - np.outer(along, along) / variance,
            count=self.count + 1,
            surprise=self.surprise + error**2 / variance,
            volume=self.volume + float(np.log(variance)),
        )


def prior_process(
    superpixels: int, noise: float, smoothness: float = SMOOTHNESS
) -> ResidualProcess:
    """Make the process that has seen nothing.

    Parameters
    ----------
    superpixels
        K, a square.
    noise
        See `ResidualProcess`.
    smoothness
        Length scale of the kernel, in superpixels; 0 for independent ones.
    """
    return ResidualProcess(np.zeros(superpixels), spatial_kernel(superpixels, smoothness), noise)
