"""LPEL: perturb the embedding by relevance, look where the reconstruction changes (chapter 4)."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.explanation import explain_embeddings
from lpel_serving.methods.method import FacePair, Networks, SignedMap
from lpel_serving.perturbation import DEFAULT_P


@dataclass(frozen=True)
class Lpel:
    """The method of the thesis; its maps have no sign.

    Attributes
    ----------
    p
        Magnitude of the perturbation (Eq. 4.5).
    """

    p: float = DEFAULT_P

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the heat-map of Eq. 4.6, shape (H, H)."""
        del rng
        similar = np.array([pair.similar])
        explanation = explain_embeddings(
            networks.decode, pair.h_r[np.newaxis], pair.h_t[np.newaxis], similar, p=self.p
        )
        return explanation[0].heat_map
