"""An embedded face: its crop, its embedding, and the faces found in its photograph."""

from dataclasses import dataclass

from lpel_serving.images.found import FoundFaces
from lpel_serving.support.arrays import Floats, Pixels


@dataclass(frozen=True, eq=False)
class EmbeddedFace:
    """A face as the network saw it: its crop, uint8, (S, S, 3), and embedding, float32, (D,).

    With the faces that were found in its photograph; None where the crop detects none.
    """

    crop: Pixels
    embedding: Floats
    found: FoundFaces | None = None

    @property
    def bytes(self) -> int:
        """How much memory its arrays take."""
        return self.crop.nbytes + self.embedding.nbytes
