"""Calls a method for its map, and checks that the result is one."""

import numpy as np

from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.errors import EmbeddingError


def checked_map(
    method: Method,
    pair: FacePair,
    networks: Networks,
    rng: np.random.Generator,
    name: str | None = None,
) -> SignedMap:
    """Explain a pair in one direction.

    Parameters
    ----------
    method, pair, networks, rng
        See `lpel_serving.methods.method.Method`.
    name
        Name of the method in error messages; its class when None.

    Returns
    -------
    NDArray[np.float32]
        Shape (H, W), finite.

    Raises
    ------
    EmbeddingError
        If the method does not return such a map.
    """
    return checked(method(pair, networks, rng), name or name_of(method))


def name_of(method: Method) -> str:
    """Name a method whose name is not known by its class."""
    return type(method).__name__


def checked(values: SignedMap, called: str) -> SignedMap:
    """Check that a method's result is a map, and return it as float32.

    Parameters
    ----------
    values
        The result of a method, perhaps of another package.
    called
        Name of the method in error messages.

    Raises
    ------
    EmbeddingError
        If it is no array of real numbers, not finite, or has no height and width.
    """
    dtype = getattr(values, "dtype", None)
    if dtype is None or dtype.kind not in "fiu":
        received = type(values).__name__ if dtype is None else f"an array of {dtype}"
        raise EmbeddingError(
            f"expected a map of numbers, such as float32, from the method {called}, received "
            f"{received}: let it give real numbers."
        )
    if values.ndim != 2 or not values.size:
        raise EmbeddingError(
            f"expected a map of shape (H, W) from the method {called}, received {values.shape}."
        )
    with np.errstate(over="ignore"):
        as_map = values.astype(np.float32, copy=False)
    if not np.isfinite(as_map).all():
        raise EmbeddingError(
            f"the map of the method {called} holds NaN or infinity: fix the method, or look for "
            "broken weights."
        )
    return as_map
