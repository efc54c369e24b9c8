"""A row of a list: its images or embeddings, and which of the faces in an image are meant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import PairsError

PAIR = ("reference", "test")
LISTED = ("image",)
IDENTIFIERS: Mapping[tuple[str, ...], str] = {PAIR: "pair_id", LISTED: "image_id"}
"""The column that names a row; without it rows are named by their numbers."""

Image = Path | bytes | None

Faces = Sequence[int | None]
"""Of some rows: places among the faces of a photograph, from 0, the largest; None is that too."""

_MOST = 2**31
_WHOLE = re.compile(r"([0-9]{1,10})(\.0*)?")
"""With a point too: so pandas writes whole numbers of which some are missing."""


@dataclass(frozen=True, eq=False)
class Column:
    """Images of some rows, or embeddings.

    Attributes
    ----------
    names
        What the list calls them: paths as they are written there, or None.
    images
        Files, or the bytes of files; None where the row has none.
    embeddings
        Instead of images: float32, shape (rows, D).
    """

    names: Sequence[str | None]
    images: Sequence[Image]
    embeddings: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a list, one after another.

    Where a column asks for certain faces of its images, `faces` has them by its name.
    """

    identifiers: Sequence[str]
    columns: Mapping[str, Column]
    faces: Mapping[str, Faces] = field(default_factory=dict[str, Faces])


def of_paths(texts: Sequence[str | None], begin: Path) -> Column:
    """Make a column of paths as a list has them."""
    return Column(texts, [begin / text if text else None for text in texts])


def legible(text: str) -> str:
    """Write the bytes of a file's name that are no UTF-8 as escapes, so that it can be kept."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def require_columns(path: Path, columns: tuple[str, ...], present: Sequence[str]) -> None:
    """Raise `PairsError` unless a list has these columns, each once."""
    if missing := [name for name in columns if name not in present]:
        raise PairsError(
            f"{path} has no column {' and '.join(missing)}; it has {', '.join(present) or 'none'}."
        )
    known = (IDENTIFIERS[columns], *columns)
    if several := [name for name in known if present.count(name) > 1]:
        raise PairsError(f"{path} has more than one column {' and '.join(several)}: rename others.")


def unreadable(path: Path, error: Exception) -> PairsError:
    """Say why a list, or a part of one, cannot be read."""
    reason = str(getattr(error, "strerror", None) or error).rstrip(".")
    return PairsError(f"{path} cannot be read: {reason}.")


def face_column(name: str) -> str:
    """Name the column that says which faces of a column of images are meant."""
    return f"{name}_face"


def face_columns(path: Path, columns: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
    """Find the columns of images whose faces a list of CSV or Parquet asks for, by its own names.

    Raises
    ------
    PairsError
        If it asks for them twice.
    """
    for column in map(face_column, columns):
        if names.count(column) > 1:
            raise PairsError(f"{path} has more than one column {column}: rename others.")
    return tuple(name for name in columns if face_column(name) in names)


def read_faces(
    path: Path, asked: Mapping[str, Sequence[str | None]], first: int
) -> Mapping[str, Faces]:
    """Read which faces some rows ask for, by columns of images; without those that ask for none.

    Parameters
    ----------
    path
        What complaints call the list.
    asked
        The texts of the rows.
    first
        The number of the first row.

    Raises
    ------
    PairsError
        If one is no whole number from 0, nor nothing.
    """
    faces = {
        name: [_face(path, face_column(name), row, text) for row, text in enumerate(texts, first)]
        for name, texts in asked.items()
    }
    return {name: one for name, one in faces.items() if any(face is not None for face in one)}


def _face(path: Path, column: str, row: int, text: str | None) -> int | None:
    said = (text or "").strip()
    if said.lower() in ("", "nan"):
        return None
    found = _WHOLE.fullmatch(said)
    if found is None or int(found[1]) >= _MOST:
        raise PairsError(
            f"{path}, row {row} (from 0): the column {column} holds {said[:40]!a}; expected the "
            "place of a face, a whole number from 0, or nothing."
        )
    return int(found[1])
