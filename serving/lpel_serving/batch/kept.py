"""Embeddings that are kept between jobs, such as those of a gallery, in one file."""

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.errors import OutputError, ParameterError

Vector = NDArray[np.float32]


class KeptEmbeddings:
    """Embeddings by the SHA-256 of the image's file, in an SQLite database.

    It holds what one embedder makes of images that are cropped in one way.
    """

    def __init__(self, base: sqlite3.Connection, dimension: int) -> None:
        self._base = base
        self._bytes = dimension * np.dtype(np.float32).itemsize

    def get(self, digest: bytes) -> Vector | None:
        """Find an image's embedding."""
        found = self._base.execute("SELECT vector FROM embeddings WHERE digest = ?", (digest,))
        row = found.fetchone()
        if row is None or len(row[0]) != self._bytes:
            return None
        vector = np.frombuffer(row[0], "<f4")
        return vector if np.isfinite(vector).all() else None

    def add(self, embeddings: Iterable[tuple[bytes, Vector]]) -> None:
        """Keep embeddings: all of these, or none if the process ends before."""
        rows = ((digest, vector.astype("<f4").tobytes()) for digest, vector in embeddings)
        with self._base:
            self._base.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)


@contextmanager
def kept_embeddings(
    path: Path, embedder: str, crop: str, dimension: int
) -> Generator[KeptEmbeddings]:
    """Open a file of embeddings, or begin one.

    Parameters
    ----------
    path
        The file.
    embedder
        SHA-256 of the embedder.
    crop
        How faces are cut out: see `lpel_serving.crops.parse_crop`.
    dimension
        Length D of the embeddings.

    Raises
    ------
    ParameterError
        If the file is something else, or of another embedder or crop.
    OutputError
        If it cannot be written.
    """
    of = {"embedder": embedder, "crop": crop}
    base = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(path, timeout=60)
        with base:
            base.execute("CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT)")
            base.execute(
                "CREATE TABLE IF NOT EXISTS embeddings (digest BLOB PRIMARY KEY, vector BLOB)"
            )
            base.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", of.items())
        found = dict(base.execute("SELECT name, value FROM about").fetchall())
        if found != of:
            raise ParameterError(
                f"{path} holds embeddings of another network or another crop: name another file "
                "for --embeddings."
            )
        yield KeptEmbeddings(base, dimension)
    except sqlite3.DatabaseError as error:
        kind = OutputError if isinstance(error, sqlite3.OperationalError) else ParameterError
        raise kind(f"{path} cannot be used as a file of embeddings: {error}.") from error
    finally:
        if base is not None:
            base.close()
