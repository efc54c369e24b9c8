"""Controls made from a method's own map: what is left when one property of it is taken away."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.methods.method import FacePair, Method, Networks, SignedMap


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
        """Compute the map; what leaves on one side comes back on the other."""
        values = self.method(pair, networks, rng)
        return np.roll(values, (values.shape[0] // 2, values.shape[1] // 2), axis=(0, 1))


@dataclass(frozen=True, eq=False)
class AnotherPair:
    """The method's map of another pair, the same for whatever pair is asked about."""

    method: Method
    another: FacePair

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map."""
        del pair
        return self.method(self.another, networks, rng)
