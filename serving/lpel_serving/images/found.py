"""The faces that a crop found in a photograph, and which of them it took."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import FaceChoiceError, NoFaceError

_LARGEST = ("the largest", "the second largest", "the third largest")


@dataclass(frozen=True)
class Box:
    """Where a face lies, in whole pixels of the upright photograph; right and bottom lie outside.

    Attributes
    ----------
    left, top, right, bottom
        Of the box, counted from the photograph's upper left corner.
    """

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class FoundFaces:
    """All faces that a crop found in a photograph, and the one that it took.

    Attributes
    ----------
    boxes
        Of the faces, the largest first.
    taken
        Place among them of the one that was taken, from 0.

    Raises
    ------
    NoFaceError
        If there is no face.
    FaceChoiceError
        If `taken` is no place among them.
    """

    boxes: tuple[Box, ...]
    taken: int = 0

    def __post_init__(self) -> None:
        if not self.boxes:
            raise NoFaceError("no face was found.")
        if not 0 <= self.taken < len(self.boxes):
            there = "1 was found" if self.count == 1 else f"{self.count} were found"
            last = "" if self.count == 1 else f", to {self.count - 1}"
            raise FaceChoiceError(
                f"face {self.taken} was asked for, and {there}: they are numbered from 0, the "
                f"largest{last}."
            )

    @property
    def count(self) -> int:
        """How many faces there are."""
        return len(self.boxes)

    @property
    def box(self) -> Box:
        """Of the face that was taken."""
        return self.boxes[self.taken]

    def as_json(self) -> dict[str, Any]:
        """Write it in JSON's own types."""
        boxes = [asdict(box) for box in self.boxes]
        return {"count": self.count, "taken": self.taken, "boxes": boxes}


FoundPair = tuple[FoundFaces | None, FoundFaces | None]
"""Of reference and test; None where the crop does not look for faces."""


def faces_record(found: FoundPair) -> dict[str, Any]:
    """Write in JSON's own types what was found in reference and test; null where nothing looked."""
    named = zip(("reference", "test"), found, strict=True)
    return {role: None if one is None else one.as_json() for role, one in named}


def in_words(found: FoundPair) -> tuple[str, ...]:
    """Say of each photograph that shows several faces which one was taken."""
    return tuple(
        f"There are {one.count} faces in the {role} photograph; {_which(one.taken)} was taken."
        for role, one in zip(("reference", "test"), found, strict=True)
        if one is not None and one.count > 1
    )


def _which(taken: int) -> str:
    return _LARGEST[taken] if taken < len(_LARGEST) else f"number {taken + 1} by size"


WIDTH = 6
"""How many faces there were, which was taken, and its left, top, right and bottom; int32."""
NOTHING = -1
"""Six of these where no face was looked for, or the image could not be used."""

FaceNumbers = NDArray[np.int32]


def nothing(n: int) -> FaceNumbers:
    """Make the rows of so many images of which nothing is known, int32, shape (n, 6)."""
    return np.full((n, WIDTH), NOTHING, np.int32)


def numbers_of(found: FoundFaces | None) -> FaceNumbers:
    """Write what was found in an image, int32, shape (6,)."""
    if found is None:
        return nothing(1)[0]
    box = found.box
    values = [found.count, found.taken, box.left, box.top, box.right, box.bottom]
    return np.array(values, np.int32)
