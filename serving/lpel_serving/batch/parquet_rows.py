"""Lists in Parquet, whose columns hold paths, files or embeddings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.arrow import pa, parquet
from lpel_serving.batch.listed import IDENTIFIERS, Column, Rows, of_paths, require_columns
from lpel_serving.errors import PairsError

_FILES = 250
"""Rows that are read at a time where they hold the bytes of files."""


def read_parquet(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    """Read a list in Parquet, so many rows at a time, or fewer: see `rows.read_rows`."""
    # Without buffering a column is read whole, row group by row group, however long that is.
    with parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        identifier = IDENTIFIERS[columns]
        names = file.schema_arrow.names
        require_columns(path, columns, names)
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
        return of_paths(column.to_pylist(), begin)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return Column([None] * len(column), column.to_pylist())
    if _is_image(kind):
        names = column.field("path").to_pylist()
        data = column.field("bytes").to_pylist()
        files = of_paths(names, begin).images
        return Column(names, [d or p for d, p in zip(data, files, strict=True)])
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
