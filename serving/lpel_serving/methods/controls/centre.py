"""A control: the middle of the picture counts most, whatever it shows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class Centre:
    """The nearer to the centre, the higher."""

    title: ClassVar[str] = "The middle of the picture"
    control: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = ()
    signed: ClassVar[bool] = True

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, W): minus the distance from the centre, in pixels."""
        del networks, rng
        height, width = pair.test.shape[:2]
        down, across = _from_middle(height), _from_middle(width)
        return np.negative(np.hypot(down[:, np.newaxis], across), dtype=np.float32)


def _from_middle(length: int) -> NDArray[np.float64]:
    return np.arange(length, dtype=np.float64) - (length - 1) / 2
