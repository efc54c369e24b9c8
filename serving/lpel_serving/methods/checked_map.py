"""Asking a method for its map, and refusing what is none."""

import numpy as np

from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.errors import EmbeddingError


def checked_map(
    method: Method,
    pair: FacePair,
    networks: Networks,
    rng: np.random.Generator,
    name: str | None = None,
) -> SignedMap:
    """Explain a pair.

    Parameters
    ----------
    method, pair, networks, rng
        See `lpel_serving.methods.method.Method`.
    name
        What complaints call the method; its class when None.

    Returns
    -------
    NDArray[np.float32]
        Shape (H, W), finite.

    Raises
    ------
    EmbeddingError
        If the map is not finite, or has no height and width.
    """
    values = method(pair, networks, rng)
    called = name or type(method).__name__
    if values.ndim != 2 or not values.size:
        raise EmbeddingError(
            f"expected a map of shape (H, W) from the method {called}, received {values.shape}."
        )
    if not np.isfinite(values).all():
        raise EmbeddingError(
            f"the map of the method {called} holds NaN or infinity: mend the method, or look for "
            "weights that are broken."
        )
    return values
