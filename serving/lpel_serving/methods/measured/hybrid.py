"""Predicts what hiding each square would do, and corrects that by hiding a few random sets."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.decoded.responses import AMORTISED, DEFAULT_SIZE, MapSide, enlarge
from lpel_serving.methods.measured.coalitions import (
    SURROGATE,
    Count,
    measured_both_ways,
    measured_evidence,
)
from lpel_serving.methods.measured.replacement import Filling
from lpel_serving.methods.method import FacePair, Need, Networks
from lpel_serving.support.arrays import SignedMap

DEFAULT_COUNT = 32


@dataclass(frozen=True)
class Hybrid:
    """Between `responses` and `coalitions`: predicted vectors, corrected by `count` coalitions.

    Its grid is the response decoder's.
    """

    title: ClassVar[str] = "Hiding parts, predicted and measured"
    paper: ClassVar[str] = f"docs/responses.md; after {SURROGATE}, and {AMORTISED}"
    needs: ClassVar[tuple[Need, ...]] = ("images", "responses")
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map is predicted from the network's numbers for the two faces, and "
        "corrected by hiding random parts of them. No camera takes such pictures."
    )
    count: Count = DEFAULT_COUNT
    fill: Filling = field(default_factory=Fill)
    size: MapSide = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_own(self)

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
        """Compute both maps; those of a dissimilar pair are equal."""
        return measured_both_ways(self, pair, networks, rng)
