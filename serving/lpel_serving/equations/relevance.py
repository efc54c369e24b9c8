"""Feature distances and relevance (Eq. 4.2 to 4.4)."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.normalisation import min_max

Features = NDArray[np.float32]


def feature_distance(h_r: Features, h_t: Features) -> Features:
    """Distance between each feature of two embeddings, Eq. 4.2.

    Parameters
    ----------
    h_r, h_t
        Embeddings of the reference and of the test, float32, shape (..., D).

    Returns
    -------
    NDArray[np.float32]
        ``d_i = |h_r,i - h_t,i|``, shape (..., D), at least 0.
    """
    return np.abs(h_r - h_t)


def relevance(h_r: Features, h_t: Features, similar: bool | NDArray[np.bool_]) -> Features:
    """Relevance of each feature to the decision, Eq. 4.4.

    The closest features matter most when the network calls the pair similar, the furthest
    when it calls it dissimilar.

    Parameters
    ----------
    h_r, h_t
        Embeddings of the reference and of the test, float32, shape (..., D).
    similar
        The network's decision: one, or one per pair, shape (...).

    Returns
    -------
    NDArray[np.float32]
        Shape (..., D), in [0, 1]; by Eq. 4.3 at least one feature has relevance 0 and one has 1,
        unless all distances are equal.
    """
    d = min_max(feature_distance(h_r, h_t), axes=(-1,))
    return np.where(np.asarray(similar)[..., np.newaxis], np.abs(1 - d), d)
