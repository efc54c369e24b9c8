"""A control: random numbers."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class RandomOrder:
    """A map of random numbers.

    It is as coarse as the decoder's maps: finely scattered holes would destroy a face faster than
    coarse ones, which would make the comparison unfair.
    """

    title: ClassVar[str] = "Random numbers"
    control: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = ()
    signed: ClassVar[bool] = False
    side: Annotated[int, Range("Side of the map.", 1, 4096, served=256)] = 40

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Draw the map, shape (side, side), uniform in [0, 1)."""
        del pair, networks
        return rng.random((self.side, self.side), np.float32)
