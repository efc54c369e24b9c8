"""An embedded face: its crop, its embedding, and the faces found in its photograph."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpel_serving.images.found import FoundFaces
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.arrays import Floats, Pixels


@dataclass(frozen=True, eq=False)
class EmbeddedFace:
    """A face as the network saw it: its crop, uint8, (S, S, 3), and embedding, float32, (D,).

    Attributes
    ----------
    crop, embedding
        The same.
    found
        The faces that were found in its photograph; None where the crop detects none.
    local
        Its local features, float32, shape (K, C); None where there is no surrogate.
    """

    crop: Pixels
    embedding: Floats
    found: FoundFaces | None = None
    local: Floats | None = None

    @property
    def bytes(self) -> int:
        """How much memory its arrays take."""
        local = 0 if self.local is None else self.local.nbytes
        return self.crop.nbytes + self.embedding.nbytes + local


def features_of(faces: Sequence[EmbeddedFace]) -> ImageFeatures | None:
    """Put the features of some faces together; None if one has no local features."""
    local = [face.local for face in faces if face.local is not None]
    if len(local) < len(faces):
        return None
    return ImageFeatures(np.stack([face.embedding for face in faces]), np.stack(local))
