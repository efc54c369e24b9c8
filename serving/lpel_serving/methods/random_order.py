"""A control: random numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lpel_serving.methods.method import FacePair, Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class RandomOrder:
    """A map of random numbers, about nothing.

    Attributes
    ----------
    side
        Of the map, as coarse as those of the decoder: scattered fine holes would destroy a face
        faster than coarse ones, and compare unfairly.
    """

    title: ClassVar[str] = "Random numbers"
    control: ClassVar[bool] = True
    side: int = 40

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Draw the map, shape (side, side), uniform in [0, 1)."""
        del pair, networks
        return rng.random((self.side, self.side), np.float32)
