"""Masks: the pixels whose normalised heat-map exceeds a threshold (Eq. 4.7)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.heatmap import normalise
from lpel_serving.support.errors import ParameterError

DEFAULT_EPSILON = 0.7
"""The thesis's threshold on the normalised heat-map (figure 5.10)."""


def mask(heat_maps: NDArray[np.float32], epsilon: float = DEFAULT_EPSILON) -> NDArray[np.bool_]:
    """Select the pixels whose normalised change exceeds a threshold, Eq. 4.7.

    Parameters
    ----------
    heat_maps
        Float32, shape (..., H, W), on any scale: each is normalised first.
    epsilon
        The threshold, in [0, 1].

    Returns
    -------
    NDArray[np.bool_]
        Shape (..., H, W).
    """
    return normalise(heat_maps) > epsilon


def check_epsilon(epsilon: float) -> None:
    """Raise `ParameterError` unless 0 <= epsilon < 1."""
    if not 0 <= epsilon < 1:
        raise ParameterError(f"epsilon, the mask's threshold, lies in [0, 1); received {epsilon}.")
