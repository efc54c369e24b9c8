"""Variants of a method: controls that lack a property of its map, and other decoders for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import AssembledNetworks, Networks
from lpel_serving.support.arrays import Floats, SignedMap


@dataclass(frozen=True, eq=False)
class Given:
    """A fixed map, shape (H, W), returned for every pair."""

    values: SignedMap

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Return it."""
        del pair, networks, rng
        return self.values


@dataclass(frozen=True, eq=False)
class Reverse:
    """The method's map with its sign changed: the least important first."""

    method: Method

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map."""
        return -self.method(pair, networks, rng)


@dataclass(frozen=True, eq=False)
class Shifted:
    """The method's map moved by half the image both ways: as smooth, but out of place."""

    method: Method

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shifted cyclically."""
        values = self.method(pair, networks, rng)
        return np.roll(values, (values.shape[0] // 2, values.shape[1] // 2), axis=(0, 1))


@dataclass(frozen=True, eq=False)
class AnotherPair:
    """The method's map of another pair, returned for every pair."""

    control: ClassVar[bool] = True
    method: Method
    another: FacePair

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map."""
        del pair
        return self.method(self.another, networks, rng)


@dataclass(frozen=True, eq=False)
class WithDecoder:
    """The method with another decoder in place of the one in `networks`.

    Attributes
    ----------
    method
        The method.
    decode
        Embeddings, shape (N, D), to images, shape (N, H, H, 3).
    name
        What the decoder is called.
    """

    method: Method
    decode: Callable[[Floats], Floats] = field(repr=False)
    name: str

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map."""
        others = (networks.respond, networks.features, networks.simulate)
        comparison = networks.comparison
        with_decoder = AssembledNetworks(
            networks.embed, self.decode, *others, comparison=comparison
        )
        return self.method(pair, with_decoder, rng)
