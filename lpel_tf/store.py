"""Embeddings kept by the content of the photograph, so that none is computed twice."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_tf.errors import CacheError

_FEW = 500


@dataclass(frozen=True, eq=False)
class StoredFace:
    """An embedding, float32, shape (D,), and the decoder's target, uint8, shape (H, H, 3)."""

    embedding: NDArray[np.float32]
    target: NDArray[np.uint8]


class FaceStore:
    """A file of embeddings and small crops, by the SHA-256 of the photograph's file.

    It holds no photographs and no names. One file belongs to one network with one crop. Several
    processes may use it at once; what was put in survives an interruption.
    """

    def __init__(self, path: Path, dimension: int, image_size: int) -> None:
        self._shape = (image_size, image_size, 3)
        self._dimension = dimension
        try:
            path.touch(mode=0o600)  # embeddings and crops are nobody else's to read
            self._database = sqlite3.connect(path, timeout=60)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS faces (photograph BLOB PRIMARY KEY, "
                "embedding BLOB NOT NULL, target BLOB NOT NULL) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        self._path = path

    def get(self, photographs: Sequence[bytes]) -> dict[bytes, StoredFace]:
        """Look photographs up by SHA-256; those that are not stored are left out."""
        found: dict[bytes, StoredFace] = {}
        try:
            for start in range(0, len(photographs), _FEW):
                keys = photographs[start : start + _FEW]
                marks = ",".join("?" * len(keys))
                rows = self._database.execute(
                    f"SELECT * FROM faces WHERE photograph IN ({marks})",  # noqa: S608 (only marks)
                    keys,
                )
                found |= {key: self._face(embedding, target) for key, embedding, target in rows}
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise _unusable(self._path, error) from error
        return found

    def put(self, faces: dict[bytes, StoredFace]) -> None:
        """Store faces, all of them or, if that fails, none."""
        rows = [
            (key, face.embedding.tobytes(), face.target.tobytes()) for key, face in faces.items()
        ]
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO faces VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _face(self, embedding: bytes, target: bytes) -> StoredFace:
        return StoredFace(
            np.frombuffer(embedding, np.float32).reshape(self._dimension),
            np.frombuffer(target, np.uint8).reshape(self._shape),
        )


def _unusable(path: Path, error: Exception) -> CacheError:
    return CacheError(
        f"the store of embeddings {path} cannot be used ({error}): free some space, delete it, or "
        "name another cache with --cache."
    )
