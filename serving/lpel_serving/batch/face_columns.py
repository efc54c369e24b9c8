"""Which of the faces in its images a row of a list is about: columns such as `test_face`."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from lpel_serving.batch.arrow import pa, parquet
from lpel_serving.batch.listed import Rows
from lpel_serving.batch.part_files import is_parquet, part_files
from lpel_serving.errors import PairsError

Faces = Sequence[int | None]
"""Of some rows: places among the faces of a photograph, from 0, the largest; None is that too."""

_MOST = 2**31
_ROWS = 10_000
"""Read at a time."""


def with_faces(path: Path, columns: tuple[str, ...], rows: Iterator[Rows]) -> Iterator[Rows]:
    """Add to the rows of a list the faces that it asks for, by the names of its image columns.

    Parameters
    ----------
    path
        The list: in CSV or Parquet each column of images may have another beside it, whose name
        ends in `_face`; other lists have none.
    columns
        Of its images.
    rows
        What was read of it otherwise.

    Raises
    ------
    PairsError
        If such a column holds anything but whole numbers from 0, or stands there twice.
    """
    faces = {name: chain.from_iterable(_read(path, f"{name}_face")) for name in columns}
    for some in rows:
        n = len(some.identifiers)
        read = {name: list(islice(column, n)) for name, column in faces.items()}
        yield replace(some, faces={name: column for name, column in read.items() if any_of(column)})


def any_of(faces: Faces) -> bool:
    """Whether a face is asked for."""
    return any(face is not None for face in faces)


def _read(path: Path, column: str) -> Iterator[Faces]:
    if is_parquet(path):
        parts = part_files(path)
        # A list without such a column is passed by at once, however long.
        is_there = any(column in parquet.read_schema(part).names for part in parts)
        return chain.from_iterable(_of_parquet(part, column) for part in parts if is_there)
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return _of_csv(path, column)
    return iter(())


def _of_csv(path: Path, column: str) -> Iterator[Faces]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        names = [name.strip() for name in next(csv.reader(file), list[str]())]
        if not _is_there(path, column, names):
            return
        for number, line in enumerate(csv.DictReader(file, names)):
            text = (line.get(column) or "").strip()
            yield [_face(path, column, number, text)]


def _of_parquet(path: Path, column: str) -> Iterator[Faces]:
    with parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        if not _is_there(path, column, file.schema_arrow.names):
            yield [None] * file.metadata.num_rows
            return
        kind = file.schema_arrow.field(column).type
        if not (pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise PairsError(f"{path}: the column {column} is of {kind}; expected whole numbers.")
        first = 0
        for batch in file.iter_batches(batch_size=_ROWS, columns=[column]):
            values: list[Any] = batch.column(0).to_pylist()
            texts = ("" if one is None else str(one) for one in values)
            yield [_face(path, column, number, text) for number, text in enumerate(texts, first)]
            first += len(values)


def _is_there(path: Path, column: str, names: Sequence[str]) -> bool:
    if names.count(column) > 1:
        raise PairsError(f"{path} has more than one column {column}: rename others.")
    return column in names


def _face(path: Path, column: str, row: int, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) < _MOST):
        raise PairsError(
            f"{path}, row {row} (from 0): the column {column} holds {text[:40]!a}; expected the "
            "place of a face, a whole number from 0, or nothing."
        )
    return int(text)
