"""A control: LPEL with the same relevance for every number of a face, whatever the pair."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.heatmap import heat_map
from lpel_serving.equations.perturbation import DEFAULT_P, MAX_P, MIN_P, perturb
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class ConstantRelevance:
    """Eq. 4.5 and 4.6 with r = 1: for a linear decoder the same map for every pair."""

    title: ClassVar[str] = "All numbers count alike"
    control: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    signed: ClassVar[bool] = False
    p: Annotated[float, Range("Size of the perturbation (Eq. 4.5).", MIN_P, MAX_P)] = DEFAULT_P

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, H)."""
        del rng
        h_p = perturb(pair.h_t, np.ones_like(pair.h_t), self.p)
        reconstruction, perturbed = networks.decode(np.stack([pair.h_t, h_p]))
        return heat_map(reconstruction, perturbed)
