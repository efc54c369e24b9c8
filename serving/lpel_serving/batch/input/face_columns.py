"""Which of the faces in its images a row of a list is about: columns such as `test_face`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lpel_serving.support.errors import PairsError

Faces = Sequence[int | None]
"""Of some rows: places among the faces of a photograph, from 0, the largest; None is that too."""

_MOST = 2**31
_WHOLE = re.compile(r"([0-9]{1,10})(\.0*)?")
"""With a point too: so pandas writes whole numbers of which some are missing."""


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
