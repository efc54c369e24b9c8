"""Predicts what hiding each square would do, and corrects that by hiding a few random sets."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.coalitions import (
    check_measurement,
    measured_both_ways,
    measured_evidence,
)
from lpel_serving.methods.method import FacePair, Networks
from lpel_serving.methods.responses import DEFAULT_SIZE, check_size, enlarge
from lpel_serving.support.arrays import SignedMap

DEFAULT_COUNT = 32


@dataclass(frozen=True)
class Hybrid:
    """What lies between `responses` and `coalitions`, at whatever can be afforded.

    Attributes
    ----------
    count, fill, size
        See `lpel_serving.methods.coalitions.Coalitions`; the grid is the response decoder's.
    """

    title: ClassVar[str] = "Hiding parts, predicted and measured"
    count: int = DEFAULT_COUNT
    fill: Fill = field(default_factory=Fill)
    size: int = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_size(self.size)
        check_measurement(self.count, 8)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (size, size)."""
        foretold_t, foretold_r = networks.respond(np.stack([pair.h_t, pair.h_r]))
        side = round(len(foretold_t) ** 0.5)
        values = measured_evidence(
            pair,
            networks,
            self.count,
            side,
            self.fill,
            rng,
            priors=(foretold_t, foretold_r),
        )
        return enlarge(values, self.size)

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps; a dissimilar pair has one, whichever image is the test."""
        return measured_both_ways(self, pair, networks, rng)
