"""Heat-maps: the change of each pixel of the reconstruction (Eq. 4.6)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.normalisation import min_max

Maps = NDArray[np.float32]


def heat_map(reconstruction: Maps, perturbed_reconstruction: Maps) -> Maps:
    """Change of each pixel between two reconstructions, Eq. 4.6.

    Parameters
    ----------
    reconstruction, perturbed_reconstruction
        ``g(h_t)`` and ``g(h_p)``, float32, shape (..., H, W, C).

    Returns
    -------
    NDArray[np.float32]
        ``D = |g(h_t) - g(h_p)|``, its mean over the colour channels, shape (..., H, W), at least 0.
    """
    return np.abs(reconstruction - perturbed_reconstruction).mean(axis=-1)


def normalise(heat_maps: Maps) -> Maps:
    """Scale each heat-map, shape (..., H, W), to [0, 1] as Eq. 4.3 does (section 4.1.3)."""
    return min_max(heat_maps, axes=(-2, -1))
