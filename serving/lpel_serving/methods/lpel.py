"""LPEL as published: shifts the numbers of a face, and marks where its decoded picture changes.

Chapter 4: the embedding is perturbed by its relevance.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lpel_serving.equations.perturbation import DEFAULT_P
from lpel_serving.methods.explanation import explain_embeddings
from lpel_serving.methods.method import FacePair, Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class Lpel:
    """The method of the thesis; its maps have no sign.

    Attributes
    ----------
    p
        Magnitude of the perturbation (Eq. 4.5).
    """

    title: ClassVar[str] = "Change of the decoded face"
    p: float = DEFAULT_P

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the heat-map of Eq. 4.6, shape (H, H)."""
        del rng
        similar = np.array([pair.similar])
        explanation = explain_embeddings(
            networks.decode, pair.h_r[np.newaxis], pair.h_t[np.newaxis], similar, p=self.p
        )
        return explanation[0].heat_map
