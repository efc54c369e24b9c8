"""The cache's files of what was computed of photographs, by the content of these."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.engine.store.sqlite import Field, Row, SqliteStore, complaining
from lpel_serving.support.arrays import Floats, Pixels
from lpel_tf.support.errors import CacheError


def open_array_store(path: Path, tables: Mapping[str, Mapping[str, Field]]) -> SqliteStore:
    """Open a file of the cache, or begin one, that nobody else may read.

    Parameters
    ----------
    path
        The file.
    tables
        The arrays that it holds: see `lpel_serving.engine.store.sqlite.SqliteStore`.

    Raises
    ------
    CacheError
        If the file is something else, or holds arrays of other types and shapes; also later, where
        that is found when it is read.
    """

    def complain(error: Exception) -> CacheError:
        return CacheError(
            f"the store of embeddings {path} cannot be used ({error}): free some space, delete it, "
            "or name another cache with --cache."
        )

    with complaining(complain):
        path.touch(mode=0o600)  # what was computed of a face is nobody else's to read
        database = sqlite3.connect(path, timeout=60)
    return SqliteStore(database, "photograph", tables, complain)


@dataclass(frozen=True, eq=False)
class StoredFace:
    """An embedding, float32, shape (D,), and the decoder's target, uint8, shape (H, H, 3).

    With it goes how many faces its photograph shows; None where the crop looked for none.
    """

    embedding: Floats
    target: Pixels
    faces: int | None = None


class FaceStore:
    """Embeddings and small crops; one file belongs to one network with one crop.

    It is an `EmbeddingStore`. Where the crop looks for faces (`counts`) the file also holds how
    many there were; what an earlier version stored without is taken for unknown.
    """

    def __init__(
        self, path: Path, dimension: int, image_size: int, *, counts: bool = False
    ) -> None:
        tables = {
            "faces": {
                "embedding": Field(np.float32, (dimension,)),
                "target": Field(np.uint8, (image_size, image_size, 3)),
            }
        }
        if counts:
            tables["counts"] = {"faces": Field(np.int32, ())}
        self._store = open_array_store(path, tables)

    def get(self, photographs: Sequence[bytes], /) -> dict[bytes, StoredFace]:
        """Look photographs up by SHA-256; those that are not stored are left out."""
        return {key: _face(row) for key, row in self._store.get(photographs).items()}

    def put(self, faces: Mapping[bytes, StoredFace], /) -> None:
        """Store faces, all of them or, if that fails, none."""
        self._store.put(
            {
                key: {
                    "embedding": face.embedding,
                    "target": face.target,
                    "faces": np.array(face.faces or 0),
                }
                for key, face in faces.items()
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._store.close()


def _face(row: Row) -> StoredFace:
    count = row.get("faces")
    return StoredFace(row["embedding"], row["target"], None if count is None else int(count))
