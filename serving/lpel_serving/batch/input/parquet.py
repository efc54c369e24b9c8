"""Lists in Parquet: one file, or a folder of part files as Spark, Ray and others write it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.input.parquet_types import (
    FILES,
    IMAGES,
    TEXTS,
    as_identifiers,
    as_kind,
    kind_of,
    no_images,
)
from lpel_serving.batch.input.rows import (
    IDENTIFIERS,
    Column,
    Rows,
    face_column,
    face_columns,
    of_paths,
    read_faces,
    require_columns,
    unreadable,
)
from lpel_serving.images.datasets.image_folder import SUFFIXES as PHOTOGRAPHS
from lpel_serving.images.datasets.passed_over import PassedOver
from lpel_serving.support.arrow import Table, pa, parquet
from lpel_serving.support.errors import PairsError

SUFFIXES = (".parquet", ".pq", ".parq")
_FILES = 250
"""Rows to read at a time where they hold the bytes of files."""
_ID = "identifier"


def is_parquet(path: Path) -> bool:
    """Whether a list is in Parquet, by its name or by those of the files in the folder."""
    return bool(part_files(path)) if path.is_dir() else path.suffix.lower() in SUFFIXES


def part_files(path: Path) -> tuple[Path, ...]:
    """Find the files of a list, in the order of their names.

    Those of a folder lie in it or in folders named ``key=value``. As everywhere, names that begin
    with ``_`` or ``.`` are skipped: ``_SUCCESS``, checksums, what is not complete. A folder of
    photographs is no list in Parquet, whatever else is in it; one picture among the parts of a
    folder ``key=value`` is none of the list's files.
    """
    if not path.is_dir():
        return (path,)
    if any(_is_photograph(one) for one in path.iterdir()):
        return ()
    return _look(path)[0]


def beside_parts(path: Path) -> tuple[PassedOver, ...]:
    """List what is skipped in a folder of part files; a sub-folder counts once."""
    return _look(path)[1]


def _look(folder: Path) -> tuple[tuple[Path, ...], tuple[PassedOver, ...]]:
    found: list[Path] = []
    others: list[PassedOver] = []
    for one in sorted(folder.iterdir()):
        if one.name.startswith(("_", ".")):
            others.append(PassedOver(str(one), "hidden"))
        elif one.is_dir() and "=" in one.name:
            within = _look(one)
            found += within[0]
            others += within[1]
        elif one.suffix.lower() in SUFFIXES and not one.is_dir():
            found.append(one)
        else:
            others.append(PassedOver(str(one), "no_part"))
    return tuple(found), tuple(others)


def _is_photograph(path: Path) -> bool:
    hidden = path.name.startswith(("_", "."))
    return not hidden and path.suffix.lower() in PHOTOGRAPHS and not path.is_dir()


def has_embeddings(path: Path, columns: tuple[str, ...]) -> bool:
    """Whether a column of a list in Parquet holds embeddings, by the types of its columns."""
    kinds = _kinds(part_files(path), columns).values()
    return any(kind not in (TEXTS, FILES, IMAGES) for kind in kinds)


def read_parquet(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    """Read a list in Parquet, `most` rows at a time or fewer: see `lists.read_rows`."""
    parts = part_files(path)
    kinds = _kinds(parts, columns)
    rows = _few(most) if {FILES, IMAGES} & set(kinds.values()) else most
    first = 0
    for table in _even(
        (one for part in parts for one in _tables(part, kinds, columns, rows)), rows
    ):
        faces = {name: table[face_column(name)] for name in columns}
        asked = {name: one.to_pylist() for name, one in faces.items() if one.null_count < len(one)}
        yield Rows(
            _identifiers(table[_ID], first),
            {name: _column(path, name, table[name].combine_chunks(), begin) for name in columns},
            asked,
        )
        first += table.num_rows


def _kinds(parts: Sequence[Path], columns: tuple[str, ...]) -> Mapping[str, Any]:
    """Find what the columns hold, which must be the same in all parts of a list."""
    kinds: dict[str, Any] = {}
    of: dict[str, Path] = {}
    for part in parts:
        schema = _schema(part)
        require_columns(part, columns, schema.names)
        _check_faces(part, columns, schema)
        for name in columns:
            kind = kind_of(part, name, schema.field(name).type)
            if pa.types.is_null(kind):  # a part may have nulls only
                continue
            if kinds.setdefault(name, kind) != kind:
                raise PairsError(
                    f"{part}: the column {name} holds {schema.field(name).type}, and that of "
                    f"{of[name]} something else: write all parts of a list alike."
                )
            of.setdefault(name, part)
    for name in columns:
        if name not in kinds:
            raise no_images(parts[0], name, pa.null())
    return kinds


def _schema(part: Path) -> Any:
    try:
        return parquet.read_schema(part)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(part, error) from error


def _check_faces(part: Path, columns: tuple[str, ...], schema: Any) -> None:
    """Raise `PairsError` if a column of faces holds no whole numbers; see `read_faces`."""
    types = pa.types
    for column in map(face_column, face_columns(part, columns, schema.names)):
        kind = schema.field(column).type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind)):
            raise PairsError(f"{part}: the column {column} is of {kind}; expected whole numbers.")


def _tables(
    part: Path, kinds: Mapping[str, Any], columns: tuple[str, ...], rows: int
) -> Iterator[Table]:
    """Read a part, its columns cast to the types that all parts share."""
    identifier = IDENTIFIERS[columns]
    # Without buffering each row group's column is read whole, however large it is.
    with parquet.ParquetFile(part, buffer_size=2**20, pre_buffer=False) as file:
        is_named = identifier in file.schema_arrow.names
        asking = face_columns(part, columns, file.schema_arrow.names)
        wanted = [*([identifier] if is_named else []), *columns, *map(face_column, asking)]
        first = 0
        for batch in file.iter_batches(batch_size=rows, columns=wanted):
            ids = (
                as_identifiers(part, identifier, batch.column(identifier))
                if is_named
                else pa.nulls(batch.num_rows, TEXTS)
            )
            read = {name: as_kind(batch.column(name), kinds[name]) for name in columns}
            faces = read_faces(part, _asked(batch, asking), first)
            of = {face_column(name): faces.get(name, [None] * len(batch)) for name in columns}
            numbers = {name: pa.array(one, pa.int32()) for name, one in of.items()}
            yield pa.table({_ID: ids, **read, **numbers})
            first += batch.num_rows


def _asked(batch: Any, asking: tuple[str, ...]) -> Mapping[str, Sequence[str | None]]:
    values = {name: batch.column(face_column(name)).to_pylist() for name in asking}
    return {
        name: [None if one is None else str(one) for one in column]
        for name, column in values.items()
    }


def _few(most: int) -> int:
    """A number of rows whose files fit into memory, and that divides `most`."""
    return max(rows for rows in range(1, _FILES + 1) if most % rows == 0)


def _even(tables: Iterator[Table], most: int) -> Iterator[Table]:
    """Regroup tables into tables of n rows, whatever the parts and row groups."""
    waiting: Any = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows >= most:
            yield waiting.slice(0, most)
            waiting = waiting.slice(most)
    if waiting is not None and waiting.num_rows:
        yield waiting


def _identifiers(column: Any, first: int) -> list[str]:
    texts = column.to_pylist()
    return [str(number) if text is None else text for number, text in enumerate(texts, first)]


def _column(path: Path, name: str, column: Any, begin: Path) -> Column:
    kind = column.type
    if kind == TEXTS:
        return of_paths(column.to_pylist(), begin)
    if kind == FILES:
        return Column([None] * len(column), column.to_pylist())
    if kind == IMAGES:
        names = column.field("path").to_pylist()
        data = column.field("bytes").to_pylist()
        files = of_paths(names, begin).images
        return Column(names, [d or p for d, p in zip(data, files, strict=True)])
    return Column([None] * len(column), [], _embeddings(path, name, column))


def _embeddings(path: Path, name: str, column: Any) -> NDArray[np.float32]:
    """Read embeddings; a row that has none is NaN."""
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    dimension = int(lengths.max(initial=0))
    if not np.isin(lengths, [0, dimension]).all():
        raise PairsError(f"{path}: the embeddings in the column {name} differ in length.")
    found = np.full((len(column), dimension), np.nan, np.float32)
    found[lengths > 0] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension or 1)
    return found
