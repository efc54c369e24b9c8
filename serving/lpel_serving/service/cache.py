"""Faces by the content of their files: what was embedded once is not embedded again."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.found import FoundFaces
from lpel_serving.support.arrays import Pixels


@dataclass(frozen=True, eq=False)
class EmbeddedFace:
    """A face as the network saw it: its crop, uint8, (S, S, 3), and embedding, float32, (D,).

    With it goes what else was found in its photograph; None where the crop looked for no faces.
    """

    crop: Pixels
    embedding: NDArray[np.float32]
    found: FoundFaces | None = None

    @property
    def bytes(self) -> int:
        """How much memory its arrays take."""
        return self.crop.nbytes + self.embedding.nbytes


class FaceCache:
    """The faces that were asked for last, in memory alone; for one thread.

    Parameters
    ----------
    most
        Bytes that their arrays may take; 0 keeps nothing, ever.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._faces: OrderedDict[str, EmbeddedFace] = OrderedDict()

    def get(self, key: str) -> EmbeddedFace | None:
        """Return the face of a key, which thereby was asked for last; None if it is not kept."""
        face = self._faces.get(key)
        if face is not None:
            self._faces.move_to_end(key)
        return face

    def put(self, key: str, face: EmbeddedFace) -> None:
        """Keep a face, and let go of those that were not asked for the longest."""
        if key in self._faces:
            return
        self._faces[key] = face
        self._bytes += face.bytes
        while self._bytes > self._most:
            _, old = self._faces.popitem(last=False)
            self._bytes -= old.bytes

    def __len__(self) -> int:
        return len(self._faces)
