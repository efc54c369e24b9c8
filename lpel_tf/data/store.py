"""What was computed of photographs, kept by their content, so that nothing is computed twice."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lpel_tf.support.errors import CacheError

_FEW = 500


@dataclass(frozen=True)
class Field:
    """What arrays of one name are like."""

    dtype: DTypeLike
    shape: tuple[int, ...]


Row = dict[str, NDArray[Any]]


class ArrayStore:
    """A file of arrays, by the SHA-256 of the photograph's file that they belong to.

    It holds no photographs and no names. Several processes may use it at once; what was put in
    survives an interruption.
    """

    def __init__(self, path: Path, table: str, fields: Mapping[str, Field]) -> None:
        self._fields = dict(fields)
        self._table = table
        self._path = path
        columns = ", ".join(f"{name} BLOB NOT NULL" for name in fields)
        try:
            path.touch(mode=0o600)  # what is told of a face is nobody else's to read
            self._database = sqlite3.connect(path, timeout=60)
            self._database.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (photograph BLOB PRIMARY KEY, {columns}) "
                "WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error

    def get(self, photographs: Sequence[bytes]) -> dict[bytes, Row]:
        """Look photographs up by SHA-256; those that are not stored are left out."""
        found: dict[bytes, Row] = {}
        columns = ", ".join(self._fields)
        try:
            for start in range(0, len(photographs), _FEW):
                keys = photographs[start : start + _FEW]
                marks = ",".join("?" * len(keys))
                rows = self._database.execute(
                    f"SELECT photograph, {columns} FROM {self._table} "  # noqa: S608 (our own names)
                    f"WHERE photograph IN ({marks})",
                    keys,
                )
                found |= {key: self._arrays(blobs) for key, *blobs in rows}
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise _unusable(self._path, error) from error
        return found

    def put(self, rows: Mapping[bytes, Row]) -> None:
        """Store rows, all of them or, if that fails, none."""
        marks = ",".join("?" * (len(self._fields) + 1))
        values = [
            (key, *(row[name].astype(field.dtype).tobytes() for name, field in self._items()))
            for key, row in rows.items()
        ]
        try:
            with self._database:
                self._database.executemany(
                    f"INSERT OR REPLACE INTO {self._table} VALUES ({marks})",  # noqa: S608
                    values,
                )
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _items(self) -> list[tuple[str, Field]]:
        return list(self._fields.items())

    def _arrays(self, blobs: Sequence[bytes]) -> Row:
        return {
            name: np.frombuffer(blob, field.dtype).reshape(field.shape)
            for (name, field), blob in zip(self._items(), blobs, strict=True)
        }


@dataclass(frozen=True, eq=False)
class StoredFace:
    """An embedding, float32, shape (D,), and the decoder's target, uint8, shape (H, H, 3).

    With it goes how many faces its photograph shows; None where the crop looked for none.
    """

    embedding: NDArray[np.float32]
    target: NDArray[np.uint8]
    faces: int | None = None


class FaceStore:
    """Embeddings and small crops; one file belongs to one network with one crop.

    Where the crop looks for faces (`counts`) the file also holds how many there were; what an
    earlier version stored without is taken for unknown.
    """

    def __init__(
        self, path: Path, dimension: int, image_size: int, *, counts: bool = False
    ) -> None:
        fields = {
            "embedding": Field(np.float32, (dimension,)),
            "target": Field(np.uint8, (image_size, image_size, 3)),
        }
        self._store = ArrayStore(path, "faces", fields)
        self._counts = (
            ArrayStore(path, "counts", {"faces": Field(np.int32, ())}) if counts else None
        )

    def get(self, photographs: Sequence[bytes]) -> dict[bytes, StoredFace]:
        """Look photographs up by SHA-256; those that are not stored are left out."""
        rows = self._store.get(photographs)
        if self._counts is None:
            return {key: StoredFace(row["embedding"], row["target"]) for key, row in rows.items()}
        counts = self._counts.get(photographs)
        return {
            key: StoredFace(row["embedding"], row["target"], int(counts[key]["faces"]))
            for key, row in rows.items()
            if key in counts
        }

    def put(self, faces: Mapping[bytes, StoredFace]) -> None:
        """Store faces, all of them or, if that fails, none."""
        if self._counts is not None:  # before the faces, which are unknown without
            counts = {key: np.array(face.faces or 0, np.int32) for key, face in faces.items()}
            self._counts.put({key: {"faces": count} for key, count in counts.items()})
        self._store.put(
            {key: {"embedding": f.embedding, "target": f.target} for key, f in faces.items()}
        )

    def close(self) -> None:
        """Close the file."""
        self._store.close()
        if self._counts is not None:
            self._counts.close()


def _unusable(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"the store of embeddings {path} cannot be used ({error}): free some space, delete it, or "
        "name another cache with --cache."
    )
