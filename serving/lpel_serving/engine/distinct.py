"""Crops faces from many images, each distinct face once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.images.found import FoundFaces
from lpel_serving.images.reading import Image
from lpel_serving.support.arrays import Pixels

Choice = tuple[int | None, int | None]
"""Which of the faces in reference and test, from 0, the largest; the largest where it is None."""


@dataclass(frozen=True, eq=False)
class DistinctCrops:
    """The distinct crops of many images.

    Attributes
    ----------
    crops
        The distinct crops, uint8, shape (S, S, 3).
    places
        For each image, the index of its crop.
    found
        For each image, the faces that were found in it: see `lpel_serving.images.crops.CutFace`.
    """

    crops: list[Pixels]
    places: list[int]
    found: list[FoundFaces | None]


def distinct_crops(embedder: Embedder, images: Sequence[tuple[Image, int | None]]) -> DistinctCrops:
    """Cut faces out of images, each source once.

    Parameters
    ----------
    embedder
        The embedder, which reads and crops them.
    images
        Each with the face to take: see `lpel_serving.images.cutting.cut_face`.
    """
    crops: list[Pixels] = []
    by_source: dict[object, tuple[int, FoundFaces | None]] = {}
    by_content: dict[bytes, int] = {}
    of: list[tuple[int, FoundFaces | None]] = []
    for image, face in images:
        source = (image if isinstance(image, str | Path | bytes) else id(image), face)
        if source not in by_source:
            cut = embedder.cut(image, face=face)
            content = content_digest(cut.pixels.tobytes())
            place = by_content.setdefault(content, len(crops))
            by_source[source] = place, cut.found
            if place == len(crops):
                crops.append(cut.pixels)
        of.append(by_source[source])
    return DistinctCrops(crops, [place for place, _ in of], [found for _, found in of])
