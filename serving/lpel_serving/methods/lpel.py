"""LPEL as published: shifts the numbers of a face, and marks where its decoded picture changes.

Chapter 4: the embedding is perturbed by its relevance.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.perturbation import DEFAULT_P
from lpel_serving.methods.explanation import MAX_P, MIN_P, explain_embeddings
from lpel_serving.methods.method import FacePair, Need, Networks
from lpel_serving.methods.parameter import Range
from lpel_serving.methods.parameters import check_own
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class Lpel:
    """The method of the thesis; its maps have no sign."""

    title: ClassVar[str] = "Change of the decoded face"
    paper: ClassVar[str] = (
        "Explaining siamese neural architectures from local perturbations on the embedding layer; "
        "published as ExplainLFS, Information Fusion 2024, doi 10.1016/j.inffus.2024.102407"
    )
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    signed: ClassVar[bool] = False
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "Where LPEL's maps were measured, they did not beat chance (docs/faithfulness.md): "
        "take these as illustrations of the method, not as evidence. That the maps of the two "
        "pictures are alike follows from the formula, and proves nothing."
    )
    p: Annotated[float, Range("Size of the perturbation (Eq. 4.5).", MIN_P, MAX_P)] = DEFAULT_P

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the heat-map of Eq. 4.6, shape (H, H)."""
        del rng
        similar = np.array([pair.similar])
        explanation = explain_embeddings(
            networks.decode, pair.h_r[np.newaxis], pair.h_t[np.newaxis], similar, p=self.p
        )
        return explanation[0].heat_map
