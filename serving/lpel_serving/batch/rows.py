"""Reading what a job is about: pairs, or the probes and the gallery of a search."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.arrow import pa, parquet
from lpel_serving.errors import PairsError
from lpel_serving.faces import SUFFIXES
from lpel_serving.pairs import parse_names

PAIR = ("reference", "test")
LISTED = ("image",)
IDENTIFIERS: Mapping[tuple[str, ...], str] = {PAIR: "pair_id", LISTED: "image_id"}
"""The column that names a row; without it rows are named by their numbers."""

Image = Path | bytes | None

_FILES = 250
"""Rows that are read at a time where they hold the bytes of files."""


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
    """Some rows of a list, one after another."""

    identifiers: Sequence[str]
    columns: Mapping[str, Column]


def read_rows(
    path: Path, columns: tuple[str, ...], images: Path | None, most: int
) -> Iterator[Rows]:
    """Read a list, so many rows at a time; fewer, which add up to that, where they hold files.

    Parameters
    ----------
    path
        Parquet, told by its name, whose columns hold paths, the bytes of image files, both (as
        Hugging Face writes images) or embeddings; CSV of paths with a line of names; pairs in LFW's
        format; or, where single images are listed, a folder of them.
    columns
        `PAIR` or `LISTED`.
    images
        Where relative paths begin; beside the list when None.
    most
        Rows at a time.

    Raises
    ------
    PairsError
        If it cannot be read, lacks a column, or is empty.
    """
    begin = (images or path.parent).absolute()  # a job may go on in another working folder
    try:
        if path.is_dir() and columns == LISTED:
            rows = _from_folder(path, most)
        elif path.suffix.lower() == ".parquet":
            rows = _from_parquet(path, columns, begin, most)
        elif path.suffix.lower() == ".csv":
            rows = _from_csv(path, columns, begin, most)
        elif columns == PAIR:
            rows = _from_lfw(path, begin, most)
        else:
            raise PairsError(f"{path} is neither a folder nor a list: expected .csv or .parquet.")
        empty = True
        for some in rows:
            empty = False
            yield some
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise PairsError(f"{path} cannot be read: {reason}.") from error
    if empty:
        raise PairsError(f"{path} lists nothing.")


def legible(text: str) -> str:
    """Write the bytes of a file's name that are no UTF-8 as escapes, so that it can be kept."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _from_parquet(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    # Without buffering a column is read whole, row group by row group, however long that is.
    with parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        identifier = IDENTIFIERS[columns]
        names = file.schema_arrow.names
        _require_columns(path, columns, names)
        wanted = [name for name in (identifier, *columns) if name in names]
        kinds = [file.schema_arrow.field(name).type for name in columns]
        rows = _few(most) if any(map(_holds_files, kinds)) else most
        first = 0
        for batch in _even(file.iter_batches(batch_size=rows, columns=wanted), rows):
            ids = batch.column(identifier) if identifier in wanted else None
            yield Rows(
                _identifiers(ids, first, batch.num_rows),
                {name: _column(path, name, batch.column(name), begin) for name in columns},
            )
            first += batch.num_rows


def _holds_files(kind: Any) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or _is_image(kind)


def _few(most: int) -> int:
    """So few rows that memory holds their files, and some such batches are just `most` rows."""
    return max(rows for rows in range(1, _FILES + 1) if most % rows == 0)


def _even(batches: Iterator[Any], most: int) -> Iterator[Any]:
    """Make batches of so many rows each, however the file's row groups are cut."""
    waiting: Any = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows >= most:
            yield from waiting.slice(0, most).combine_chunks().to_batches()
            waiting = waiting.slice(most)
    if waiting is not None and waiting.num_rows:
        yield from waiting.combine_chunks().to_batches()


def _identifiers(column: Any, first: int, rows: int) -> list[str]:
    numbers = [str(first + i) for i in range(rows)]
    if column is None:
        return numbers
    texts = column.cast(pa.string()).to_pylist()
    return [number if text is None else text for text, number in zip(texts, numbers, strict=True)]


def _column(path: Path, name: str, column: Any, begin: Path) -> Column:
    kind = column.type
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return _of_paths(column.to_pylist(), begin)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return Column([None] * len(column), column.to_pylist())
    if _is_image(kind):
        names = column.field("path").to_pylist()
        data = column.field("bytes").to_pylist()
        of_paths = _of_paths(names, begin).images
        return Column(names, [d or p for d, p in zip(data, of_paths, strict=True)])
    if types.is_list(kind) or types.is_fixed_size_list(kind) or types.is_large_list(kind):
        return Column([None] * len(column), [], _embeddings(path, name, column))
    raise PairsError(
        f"{path}: the column {name} is of {kind}; expected paths, the bytes of image files, "
        "structs of both, or embeddings."
    )


def _is_image(kind: Any) -> bool:
    """Whether a column holds images as Hugging Face writes them; either part may be null."""
    fields = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
    texts, data = (pa.string(), pa.large_string()), (pa.binary(), pa.large_binary())
    path, content = fields.get("path"), fields.get("bytes")
    return path in (*texts, pa.null()) and content in (*data, pa.null())


def _embeddings(path: Path, name: str, column: Any) -> NDArray[np.float32]:
    """Read embeddings; a row that has none is NaN."""
    if not pa.types.is_floating(column.type.value_type):
        raise PairsError(
            f"{path}: the column {name} holds {column.type}; expected embeddings, vectors of "
            "floating-point numbers."
        )
    listed = column.cast(pa.list_(pa.float32()))
    lengths = listed.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    dimension = int(lengths.max(initial=0))
    if not np.isin(lengths, [0, dimension]).all():
        raise PairsError(f"{path}: the embeddings in the column {name} differ in length.")
    found = np.full((len(column), dimension), np.nan, np.float32)
    found[lengths > 0] = listed.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension or 1)
    return found


def _of_paths(texts: Sequence[str | None], begin: Path) -> Column:
    return Column(texts, [begin / text if text else None for text in texts])


def _from_csv(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    identifier = IDENTIFIERS[columns]
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        _require_columns(path, columns, reader.fieldnames or ())
        for some in _chunks(enumerate(reader), most):
            ids = [line.get(identifier) or str(number) for number, line in some]
            of = {name: _of_paths([line[name] for _, line in some], begin) for name in columns}
            yield Rows(ids, of)


def _from_lfw(path: Path, begin: Path, most: int) -> Iterator[Rows]:
    with path.open(encoding="utf-8-sig") as file:
        lines = enumerate(fields for line in file if (fields := line.split()))
        # The first line may tell how many there are.
        listed = (some for number, some in lines if number or not all(map(str.isdecimal, some)))
        for some in _chunks(listed, most):
            pairs = [_names(path, fields) for fields in some]
            of = {
                name: _of_paths([pair[i] for pair in pairs], begin) for i, name in enumerate(PAIR)
            }
            yield Rows([" ".join(fields) for fields in some], of)


def _names(path: Path, fields: list[str]) -> tuple[str, str]:
    try:
        return parse_names(fields)
    except ValueError as error:  # also numbers beyond all measure
        raise PairsError(f"{path}: {str(error).rstrip('.')}.") from error


def _from_folder(path: Path, most: int) -> Iterator[Rows]:
    found = sorted(
        str(one.relative_to(path))
        for one in path.rglob("*")
        if one.suffix.lower() in SUFFIXES and not one.is_dir()
    )
    for some in _chunks((name for name in found if not _is_hidden(name)), most):
        names = [legible(name) for name in some]
        yield Rows(names, {"image": Column(names, [path.absolute() / name for name in some])})


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


def _chunks(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(items)
    return iter(lambda: list(islice(left, most)), [])


def _require_columns(path: Path, columns: tuple[str, ...], present: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in present]:
        raise PairsError(
            f"{path} has no column {' and '.join(missing)}; it has {', '.join(present) or 'none'}."
        )
    known = (IDENTIFIERS[columns], *columns)
    if several := [name for name in known if present.count(name) > 1]:
        raise PairsError(f"{path} has more than one column {' and '.join(several)}: rename others.")
