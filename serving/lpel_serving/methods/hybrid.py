"""Hybrid: responses foretold, then corrected by a few coalitions that are measured."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.fill import Fill
from lpel_serving.images import Pixels
from lpel_serving.methods.coalitions import check_measurement, measured_responses
from lpel_serving.methods.method import FacePair, Floats, Networks, SignedMap
from lpel_serving.methods.responses import DEFAULT_SIZE, check_size, enlarge, evidence

DEFAULT_COUNT = 32


@dataclass(frozen=True)
class Hybrid:
    """What lies between `responses` and `coalitions`, at whatever can be afforded.

    Attributes
    ----------
    count, fill, size
        See `lpel_serving.methods.coalitions.Coalitions`; the grid is the response decoder's.
    """

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
        seed = int(rng.integers(2**62))

        def correct(image: Pixels, h: Floats, foretold: Floats) -> Floats:
            again = np.random.default_rng(seed)  # the same for both images: see `Coalitions`
            return measured_responses(
                networks, image, h, self.count, side, [self.fill], again, prior=foretold
            )

        of_test = correct(pair.test, pair.h_t, foretold_t)
        of_reference = None if pair.similar else correct(pair.reference, pair.h_r, foretold_r)
        return enlarge(evidence(pair, of_test, of_reference), self.size)
