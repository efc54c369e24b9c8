"""A store of embeddings in an SQLite file, shared between runs."""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FEW = 500
"""Keys in one query: SQLite takes no more than 999 on old systems."""


@dataclass(frozen=True)
class Field:
    """The type and length of a column's arrays."""

    dtype: DTypeLike
    shape: tuple[int, ...]


Row = dict[str, NDArray[Any]]
"""The arrays of one key, by the names of their columns."""

Complain = Callable[[Exception], Exception]
"""Turns an error of SQLite or of a damaged row into one that names the file."""


@contextmanager
def complaining(complain: Complain) -> Generator[None]:
    """Raise errors of SQLite or of the file system as `complain` translates them."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise complain(error) from error


class SqliteStore:
    """An `embedding_store.EmbeddingStore` of rows of arrays, without photographs or names.

    Several processes may use its file at once; stored rows survive an interruption.

    Parameters
    ----------
    database
        The file.
    key
        Name of the column that holds the keys.
    tables
        The columns of each table; a row counts as stored if every table has its part.
    complain
        See `Complain`.
    forgiving
        Whether a row of other types or lengths counts as not stored, instead of raising.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        key: str,
        tables: Mapping[str, Mapping[str, Field]],
        complain: Complain,
        *,
        forgiving: bool = False,
    ) -> None:
        self._database = database
        self._tables = tables
        self._complain = complain
        self._forgiving = forgiving
        self._fields = {name: one for fields in tables.values() for name, one in fields.items()}
        self._query = _query(key, tables)
        self._upserts = {table: _upsert(key, table, list(of)) for table, of in tables.items()}
        with complaining(complain), database:
            for table, fields in tables.items():
                columns = ", ".join(f"{name} BLOB" for name in fields)
                database.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} ({key} BLOB PRIMARY KEY, {columns})"
                )

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, Row]:
        """Look rows up; those that are not stored are left out."""
        with complaining(self._complain):
            blobs = [found for few in _in_portions(keys) for found in self._select(few)]
        rows = {key: self._row(values) for key, *values in blobs}
        return {key: row for key, row in rows.items() if row is not None}

    def put(self, rows: Mapping[bytes, Row], /) -> None:
        """Store rows, all of them or, if that fails, none; unchanged rows are not written."""
        with complaining(self._complain), self._database:
            for table, fields in self._tables.items():
                values = (
                    (key, *(row[name].astype(one.dtype).tobytes() for name, one in fields.items()))
                    for key, row in rows.items()
                )
                self._database.executemany(self._upserts[table], values)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _select(self, keys: Sequence[bytes]) -> list[Any]:
        marks = ",".join("?" * len(keys))
        return self._database.execute(self._query.format(marks=marks), keys).fetchall()

    def _row(self, blobs: Sequence[bytes]) -> Row | None:
        try:
            return {
                name: np.frombuffer(blob, field.dtype).reshape(field.shape)
                for (name, field), blob in zip(self._fields.items(), blobs, strict=True)
            }
        except (TypeError, ValueError) as error:
            if self._forgiving:
                return None
            raise self._complain(error) from error


def _in_portions(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), _FEW):
        yield keys[start : start + _FEW]


# The names of tables and columns are ours, not user input: they may be part of a statement.


def _query(key: str, tables: Mapping[str, Mapping[str, Field]]) -> str:
    columns = ", ".join(f"{table}.{name}" for table, fields in tables.items() for name in fields)
    joined = " JOIN ".join(tables) + f" USING ({key})" * (len(tables) - 1)
    return f"SELECT {key}, {columns} FROM {joined} WHERE {key} IN ({{marks}})"  # noqa: S608


def _upsert(key: str, table: str, names: Sequence[str]) -> str:
    marks = ", ".join("?" * (len(names) + 1))
    taken = ", ".join(f"{name} = excluded.{name}" for name in names)
    other = " OR ".join(f"{table}.{name} IS NOT excluded.{name}" for name in names)
    return (
        f"INSERT INTO {table} VALUES ({marks}) "  # noqa: S608
        f"ON CONFLICT ({key}) DO UPDATE SET {taken} WHERE {other}"
    )
