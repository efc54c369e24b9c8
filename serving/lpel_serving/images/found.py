"""The faces detected in a photograph, and which of them was taken."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import FaceChoiceError, NoFaceError

_LARGEST = ("the largest", "the second largest", "the third largest")


@dataclass(frozen=True)
class Box:
    """A face's box, in whole pixels of the upright photograph; right and bottom are exclusive.

    Attributes
    ----------
    left, top, right, bottom
        Its edges, counted from the photograph's upper left corner.
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
        The faces' boxes, the largest first.
    taken
        Index among them of the one that was taken, from 0.

    Raises
    ------
    NoFaceError
        If there is no face.
    FaceChoiceError
        If `taken` is no index among them.
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
        """The box of the face that was taken."""
        return self.boxes[self.taken]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-serialisable values."""
        boxes = [asdict(box) for box in self.boxes]
        return {"count": self.count, "taken": self.taken, "boxes": boxes}


FoundPair = tuple[FoundFaces | None, FoundFaces | None]
"""Faces of reference and test; None where the crop does not detect faces."""


def faces_record(found: FoundPair) -> dict[str, Any]:
    """Return the faces of reference and test as JSON-serialisable values; null if not detected."""
    named = zip(("reference", "test"), found, strict=True)
    return {role: None if one is None else one.as_json() for role, one in named}


def in_words(found: FoundPair) -> tuple[str, ...]:
    """Say which face was taken, for each photograph that shows several."""
    return tuple(
        f"There are {one.count} faces in the {role} photograph; {_which(one.taken)} was taken."
        for role, one in zip(("reference", "test"), found, strict=True)
        if one is not None and one.count > 1
    )


def _which(taken: int) -> str:
    return _LARGEST[taken] if taken < len(_LARGEST) else f"number {taken + 1} by size"


WIDTH = 6
"""The number of faces, which was taken, and its left, top, right and bottom; int32."""
NOTHING = -1
"""Stands six times where no face was looked for, or the image could not be used."""

FaceNumbers = NDArray[np.int32]


def nothing(n: int) -> FaceNumbers:
    """Make the rows of n images of which nothing is known, int32, shape (n, 6)."""
    return np.full((n, WIDTH), NOTHING, np.int32)


def numbers_of(found: FoundFaces | None) -> FaceNumbers:
    """Write what was found in an image, int32, shape (6,)."""
    if found is None:
        return nothing(1)[0]
    box = found.box
    values = [found.count, found.taken, box.left, box.top, box.right, box.bottom]
    return np.array(values, np.int32)
