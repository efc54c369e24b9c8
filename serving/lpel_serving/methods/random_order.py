"""A control: chance."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.methods.method import FacePair, Networks, SignedMap


@dataclass(frozen=True)
class RandomOrder:
    """A map that holds nothing: the same value everywhere, so that ties decide every order."""

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Give zeros, shape (S, S); what uses maps breaks ties at random."""
        del networks, rng
        return np.zeros(pair.test.shape[:2], np.float32)
