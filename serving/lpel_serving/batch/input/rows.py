"""Rows of a list: their images or embeddings, and which face of an image is meant."""

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
"""For some rows, positions among a photograph's faces, from 0, the largest; None means that too."""

_MOST = 2**31
_WHOLE = re.compile(r"([0-9]{1,10})(\.0*)?")
"""Also as a decimal: pandas writes whole numbers so if some are missing."""


@dataclass(frozen=True, eq=False)
class Column:
    """Images of some rows, or embeddings.

    Attributes
    ----------
    names
        Their names in the list: paths as they are written there, or None.
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

    `faces` holds, by column, which faces of its images are meant, where the list says it.
    """

    identifiers: Sequence[str]
    columns: Mapping[str, Column]
    faces: Mapping[str, Faces] = field(default_factory=dict[str, Faces])


def of_paths(texts: Sequence[str | None], begin: Path) -> Column:
    """Make a column of paths, as they are written in a list."""
    return Column(texts, [begin / text if text else None for text in texts])


def legible(text: str) -> str:
    """Escape the bytes of a file's name that are not UTF-8, so that it can be stored as text."""
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
    """Find the columns of images for which the list also says which faces are meant.

    Raises
    ------
    PairsError
        If it says so twice.
    """
    for column in map(face_column, columns):
        if names.count(column) > 1:
            raise PairsError(f"{path} has more than one column {column}: rename others.")
    return tuple(name for name in columns if face_column(name) in names)


def read_faces(
    path: Path, asked: Mapping[str, Sequence[str | None]], first: int
) -> Mapping[str, Faces]:
    """Read which faces some rows mean, by columns of images; columns that say nothing are left out.

    Parameters
    ----------
    path
        The list's name in error messages.
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
