"""Counts photographs with several faces, where none is chosen explicitly."""

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.images.crops import CutFace, DetectingCrop
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.image_shape import ImageShape


class CountingCrop:
    """A detecting crop that counts the photographs with several faces.

    It is a `lpel_serving.images.crops.DetectingCrop`.

    Parameters
    ----------
    crop
        The crop that detects and cuts faces.
    """

    def __init__(self, crop: DetectingCrop) -> None:
        self._crop = crop
        self._several: set[bytes] = set()

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Cut out the largest face: see `take`."""
        return self.take(pixels, shape).pixels

    def take(self, pixels: Pixels, shape: ImageShape, face: int = 0) -> CutFace:
        """Cut out a face as the crop does: see `lpel_serving.images.crops.DetectingCrop.take`."""
        cut = self._crop.take(pixels, shape, face)
        if cut.found is not None and cut.found.count > 1:
            self._several.add(content_digest(pixels.tobytes()))
        return cut

    @property
    def several(self) -> int:
        """The number of photographs with several faces; each counts once."""
        return len(self._several)


def count_crowds(embedder: Embedder) -> None:
    """Make an embedder count, from now on, the photographs that show several faces."""
    if isinstance(embedder.crop, DetectingCrop):
        embedder.crop = CountingCrop(embedder.crop)


def crowds(embedder: Embedder) -> int | None:
    """Return the number of photographs with several faces; None if the crop detects none."""
    return embedder.crop.several if isinstance(embedder.crop, CountingCrop) else None


def crowds_in_words(several: int | None) -> str:
    """Say in a sentence that the largest of several faces was taken; empty if there were none."""
    if not several:
        return ""
    photographs = "1 photograph shows" if several == 1 else f"{several:,} photographs show"
    return f"{photographs} several faces: the largest was taken."
