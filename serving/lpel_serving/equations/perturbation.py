"""Moving the test embedding along its relevant features (section 4.1.2)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError

DEFAULT_P = 0.3
"""The magnitude of the perturbation in the thesis (section 5.3)."""
MIN_P, MAX_P = 1e-4, 1e6
"""Beyond these float32 loses the difference that Eq. 4.6 is about."""


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
