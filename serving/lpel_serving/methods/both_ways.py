"""Gets both maps of a pair from any method: the test's, and the reference's with roles swapped."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from lpel_serving.methods.checked_map import checked, name_of
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.method import FacePair, Method, capability
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import EmbeddingError


@dataclass(frozen=True, eq=False)
class Steps:
    """Intermediate results of a method that perturbs an embedding, for one direction.

    Attributes
    ----------
    reconstruction
        ``g(h_t)``, float32, shape (H, W, 3); about [0, 1], not clipped.
    relevance
        Eq. 4.4, float32, shape (D,), in [0, 1].
    perturbed_reconstruction
        ``g(h_p)``, float32, shape (H, W, 3); not clipped, and often far outside [0, 1].
    """

    reconstruction: Floats
    relevance: Floats
    perturbed_reconstruction: Floats


@dataclass(frozen=True, eq=False)
class BothWays:
    """The maps of a pair in both directions.

    Attributes
    ----------
    forward
        The test's map in comparison with the reference, shape (H, W).
    swapped
        The reference's map in comparison with the test, of the same shape.
    steps
        The steps of `forward` and of `swapped`, if the method has any; else None.
    errors
        The error bars of `forward` and of `swapped`, if the method estimates any: the standard
        deviation of each superpixel's value, float32, shape (side, side); else None.
    """

    forward: SignedMap
    swapped: SignedMap
    steps: tuple[Steps, Steps] | None = None
    errors: tuple[Floats, Floats] | None = None


class ExplainsBothWays(Method, Protocol):
    """A method that computes both directions together, or has steps to show."""

    def both_ways(
        self, pair: FacePair, networks: Networks, rng: np.random.Generator, /
    ) -> BothWays:
        """Explain a pair both ways; the maps equal those of two calls with equal `rng`.

        Parameters are those of `lpel_serving.methods.method.Method`; no image is embedded twice.
        """
        ...


def explain_both_ways(
    method: Method,
    pair: FacePair,
    networks: Networks,
    rng: np.random.Generator,
    name: str | None = None,
) -> BothWays:
    """Explain a pair both ways, embedding no image twice.

    Parameters
    ----------
    method
        Any method; see `ask_both_ways`.
    pair, networks
        See `lpel_serving.methods.method.Method`.
    rng
        The source of any randomness: both directions draw the same.
    name
        Name of the method in error messages; its class when None.

    Returns
    -------
    BothWays
        Finite maps of one shape.

    Raises
    ------
    EmbeddingError
        If the method does not return such maps.
    ParameterError
        If the method cannot explain such a pair.
    """
    found = ask_both_ways(method, pair, networks, rng)
    called = name or name_of(method)
    one, other = (checked(values, called) for values in (found.forward, found.swapped))
    if one.shape != other.shape:
        raise EmbeddingError(
            f"expected two maps of one shape from the method {called}, received {one.shape} and "
            f"{other.shape}."
        )
    return replace(found, forward=one, swapped=other)


def ask_both_ways(
    method: Method, pair: FacePair, networks: Networks, rng: np.random.Generator
) -> BothWays:
    """Call a method for both maps at once if it supports that, else for one after the other.

    The maps are not checked; otherwise see `explain_both_ways`.
    """
    own: Callable[..., BothWays] | None = capability(method, "both_ways")
    return (own or partial(one_after_the_other, method))(pair, networks, rng)


def one_after_the_other(
    method: Method, pair: FacePair, networks: Networks, rng: np.random.Generator
) -> BothWays:
    """Explain a pair, then the reverse, without embedding any image again."""
    once, again = EachOnce(networks), deepcopy(rng)
    return BothWays(method(pair, once, rng), method(pair.swapped, once, again))
