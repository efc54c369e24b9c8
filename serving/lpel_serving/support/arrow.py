"""Reads and writes Arrow tables, and converts their columns of vectors."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require
from lpel_serving.support.files import growing_file, write_atomically

pa: Any = require("pyarrow", "batch")
parquet: Any = require("pyarrow.parquet", "batch")

Table = Any
"""A `pyarrow.Table`."""


def vectors(values: NDArray[np.float32] | NDArray[np.int32]) -> Any:
    """Turn an array, shape (N, D), into a column of vectors."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def from_vectors(column: Any, dimension: int) -> NDArray[np.float32]:
    """Read a column of vectors that has no nulls, shape (N, D)."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)


def write_table(path: Path, table: Table) -> None:
    """Write a table for this program's own use, atomically.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    write_atomically(path, sink.getvalue())


@contextmanager
def growing_table(path: Path) -> Generator[Callable[[Table], None]]:
    """Write a table in parts: see `lpel_serving.support.files.growing_file`."""
    with growing_file(path) as file, ExitStack() as stack:
        writers: list[Any] = []

        def add(part: Table) -> None:
            if not writers:
                writers.append(stack.enter_context(pa.ipc.new_file(file, part.schema)))
            writers[0].write_table(part)

        yield add


def read_table(path: Path) -> Table:
    """Read such a table, mapped into memory: columns are loaded when they are used."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
