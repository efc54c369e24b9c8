"""A pair of faces with its embeddings, decision, plausibility and origin, before explanation."""

from dataclasses import dataclass

from lpel_serving.bundle.origin import Origin
from lpel_serving.equations.decision import Decision
from lpel_serving.images.found import FoundPair
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.verification.plausibility import PairPlausibility, doubt_of


@dataclass(frozen=True, eq=False, kw_only=True)
class DecidedPair:
    """A pair of faces on which the network decided.

    Attributes
    ----------
    reference_crop, test_crop
        The crops that were embedded, uint8, shape (S, S, 3).
    reference_embedding, test_embedding
        Float32, shape (D,).
    decision
        The network's decision, which is explained.
    plausibility
        The check of plausibility of both images; None if the bundle has none.
    found
        The faces that were found in reference and test, and which were taken; None where the crop
        detects none.
    origin
        The crop and the bundle by which the faces were compared; None if not known.
    """

    reference_crop: Pixels
    test_crop: Pixels
    reference_embedding: Floats
    test_embedding: Floats
    decision: Decision
    plausibility: PairPlausibility | None = None
    found: FoundPair = (None, None)
    origin: Origin | None = None

    @property
    def similarity(self) -> float:
        """Of the two embeddings, 1 at most: see `lpel_serving.equations.decision.Decision`."""
        return self.decision.similarity

    @property
    def threshold(self) -> float:
        """The similarity above which the network calls two images the same."""
        return self.decision.threshold

    @property
    def similar(self) -> bool:
        """Whether the network calls the two images the same."""
        return self.decision.similar

    @property
    def doubt(self) -> PairPlausibility | None:
        """The check of plausibility if one of the images is implausible; else None."""
        return doubt_of(self.plausibility)
