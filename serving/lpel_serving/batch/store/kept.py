"""A file of embeddings that is kept between jobs, such as those of a gallery."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.store.sqlite import Field, Row, SqliteStore, complaining
from lpel_serving.equations.direction import has_direction
from lpel_serving.images.found import NOTHING, WIDTH, FaceNumbers, nothing
from lpel_serving.support.errors import LpelError, OutputError, ParameterError

Vector = NDArray[np.float32]

_NOTHING = nothing(1)[0]


@dataclass(frozen=True, eq=False)
class KeptFace:
    """What is kept of a face.

    Attributes
    ----------
    embedding
        Float32, shape (D,).
    found
        What was found in its image: see `found_columns`.
    local
        Its local features, float32, shape (K, C), if they are kept.
    """

    embedding: Vector
    found: FaceNumbers
    local: Vector | None = None


class KeptEmbeddings:
    """The embeddings of one embedder and one crop, by `face_key`.

    It is an `EmbeddingStore`. If the crop detects faces it also holds what was found, and for jobs
    that ask a surrogate local features; images of which only the embedding was kept then count as
    missing.
    """

    def __init__(self, store: SqliteStore, *, detects: bool = False) -> None:
        self._store = store
        self._detects = detects

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, KeptFace]:
        """Look faces up; unusable entries are left out."""
        found = {key: self._face(row) for key, row in self._store.get(keys).items()}
        return {key: face for key, face in found.items() if self._is_usable(face)}

    def put(self, faces: Mapping[bytes, KeptFace], /) -> None:
        """Store faces, all of them or, if that fails, none."""
        rows: dict[bytes, Row] = {}
        for key, one in faces.items():
            rows[key] = {"vector": one.embedding, "numbers": one.found}
            rows[key] |= {} if one.local is None else {"local": one.local}
        self._store.put(rows)

    def _face(self, row: Row) -> KeptFace:
        found = row["numbers"] if self._detects else _NOTHING
        return KeptFace(row["vector"], found, row.get("local"))

    def _is_usable(self, face: KeptFace) -> bool:
        is_found = not self._detects or face.found[0] != NOTHING
        is_whole = face.local is None or bool(np.isfinite(face.local).all())
        return is_found and is_whole and bool(has_direction(face.embedding))


@contextmanager
def kept_embeddings(
    path: Path,
    embedder: str,
    crop: str,
    dimension: int,
    *,
    detects: bool = False,
    local_shape: tuple[int, ...] | None = None,
) -> Generator[KeptEmbeddings]:
    """Open a file of embeddings, or create it.

    Parameters
    ----------
    path
        The file.
    embedder
        SHA-256 of the embedder.
    crop
        How faces are cut out: see `lpel_serving.images.crops.parse_crop`.
    dimension
        Length D of the embeddings.
    detects
        Whether the crop detects faces, so that what it found is kept too.
    local_shape
        Of the local features that are kept too; None if they are not needed.

    Raises
    ------
    ParameterError
        If the file is something else, or of another embedder or crop.
    OutputError
        If it cannot be written.
    """

    def complain(error: Exception) -> LpelError:
        is_place = isinstance(error, OSError | sqlite3.OperationalError)
        kind = OutputError if is_place else ParameterError
        return kind(f"{path} cannot be used as a file of embeddings: {error}.")

    tables = {"embeddings": {"vector": Field("<f4", (dimension,))}}
    if detects:
        tables["found"] = {"numbers": Field("<i4", (WIDTH,))}
    if local_shape is not None:
        tables["local_features"] = {"local": Field("<f4", local_shape)}
    with complaining(complain):
        path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(path, timeout=60)
    with closing(base):
        with complaining(complain):
            _begin(base, path, {"embedder": embedder, "crop": crop})
        store = SqliteStore(base, "digest", tables, complain, forgiving=True)
        yield KeptEmbeddings(store, detects=detects)


def _begin(base: sqlite3.Connection, path: Path, of: Mapping[str, str]) -> None:
    """Record the embedder and the crop of the file, or check that they are the same."""
    tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if not {name for (name,) in tables} <= {"about", "embeddings", "found", "local_features"}:
        raise ParameterError(f"{path} holds no embeddings: name another file for --embeddings.")
    with base:
        base.execute("CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT)")
        base.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", of.items())
    if dict(base.execute("SELECT name, value FROM about").fetchall()) != of:
        raise ParameterError(
            f"{path} holds embeddings of another network or another crop: name another file "
            "for --embeddings."
        )
