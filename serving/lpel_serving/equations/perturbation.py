"""Perturbation of the test embedding by its relevance (Eq. 4.5)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError

DEFAULT_P = 0.3
"""The thesis's magnitude of the perturbation (section 5.3)."""
MIN_P, MAX_P = 1e-4, 1e6
"""Outside this range float32 cannot represent the difference of Eq. 4.6."""


def perturb(
    h_t: NDArray[np.float32], r: NDArray[np.float32], p: float = DEFAULT_P
) -> NDArray[np.float32]:
    """Perturb an embedding in proportion to the relevance of its features, Eq. 4.5.

    Parameters
    ----------
    h_t
        Embedding of the test, float32, shape (..., D).
    r
        Relevance of each feature, float32, shape (..., D), in [0, 1].
    p
        Magnitude of the perturbation.

    Returns
    -------
    NDArray[np.float32]
        ``h_p = h_t + r * p``, shape (..., D).
    """
    step: NDArray[np.float32] = np.multiply(r, p, dtype=np.float32)
    return h_t + step


def check_p(p: float) -> None:
    """Raise `ParameterError` unless 1e-4 <= p <= 1e6."""
    if not MIN_P <= p <= MAX_P:
        raise ParameterError(
            f"p, the size of the perturbation, lies from {MIN_P:.0e} to {MAX_P:.0e}; received {p}."
        )
