"""A pair of faces and what is known of it before it is explained, the decision above all."""

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
        What the embedder saw, uint8, shape (S, S, 3).
    reference_embedding, test_embedding
        Float32, shape (D,).
    decision
        The network's, which is what is explained.
    plausibility
        Whether the images are of the kind that the bundle knows; None where that is not known.
    found
        The faces that were found in reference and test, and which were taken; None where the crop
        looked for none.
    origin
        How the faces were cut out, and by which bundle they were compared; None if not known.
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
        """Cosine of the two embeddings, Eq. 5.1, in [-1, 1]."""
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
        """The check of plausibility, where it finds an image of another kind; else None."""
        return doubt_of(self.plausibility)
