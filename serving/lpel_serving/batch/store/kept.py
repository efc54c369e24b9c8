"""Embeddings that are kept between jobs, such as those of a gallery, in one file."""

import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.direction import has_direction
from lpel_serving.images.found import NOTHING, WIDTH, FaceNumbers, nothing
from lpel_serving.support.errors import OutputError, ParameterError

Vector = NDArray[np.float32]

_ADD = (
    "INSERT INTO embeddings VALUES (?, ?) ON CONFLICT (digest) "
    "DO UPDATE SET vector = excluded.vector WHERE vector IS NOT excluded.vector"
)
"""What is known is not written again."""
_ADD_FOUND = (
    "INSERT INTO found VALUES (?, ?) ON CONFLICT (digest) "
    "DO UPDATE SET numbers = excluded.numbers WHERE numbers IS NOT excluded.numbers"
)


class KeptEmbeddings:
    """Embeddings by the SHA-256 of the image's file, in an SQLite database.

    It holds what one embedder makes of images that are cropped in one way. If the crop looks for
    faces, it also holds what was found, and each face has a key of its own: see `face_key`.
    """

    def __init__(
        self, base: sqlite3.Connection, path: Path, dimension: int, *, detects: bool = False
    ) -> None:
        self._detects = detects
        self._base = base
        self._path = path
        self._bytes = dimension * np.dtype(np.float32).itemsize

    def get(self, digest: bytes) -> Vector | None:
        """Find an image's embedding; it is not known if its faces are not, and they should be."""
        if self._detects and self.found(digest)[0] == NOTHING:
            return None
        query = "SELECT vector FROM embeddings WHERE digest = ?"
        with _complaints(self._path):
            row = self._base.execute(query, (digest,)).fetchone()
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != self._bytes:
            return None
        vector = np.frombuffer(row[0], "<f4")
        return vector if has_direction(vector) else None

    def found(self, digest: bytes) -> FaceNumbers:
        """Find what was found in an image: see `lpel_serving.images.found.numbers_of`."""
        if not self._detects:
            return nothing(1)[0]
        query = "SELECT numbers FROM found WHERE digest = ?"
        with _complaints(self._path):
            row = self._base.execute(query, (digest,)).fetchone()
        data: Any = None if row is None else row[0]
        is_whole = isinstance(data, bytes) and len(data) == 4 * WIDTH
        return np.frombuffer(data, "<i4") if is_whole else nothing(1)[0]

    def add(
        self,
        embeddings: Iterable[tuple[bytes, Vector]],
        found: Iterable[tuple[bytes, FaceNumbers]] = (),
    ) -> None:
        """Keep embeddings, and what was found: all of these, or none if the process ends before."""
        rows = ((digest, vector.astype("<f4").tobytes()) for digest, vector in embeddings)
        numbers = ((digest, one.astype("<i4").tobytes()) for digest, one in found)
        with _complaints(self._path), self._base:
            self._base.executemany(_ADD, rows)
            if self._detects:
                self._base.executemany(_ADD_FOUND, numbers)


@contextmanager
def kept_embeddings(
    path: Path, embedder: str, crop: str, dimension: int, *, detects: bool = False
) -> Generator[KeptEmbeddings]:
    """Open a file of embeddings, or begin one.

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
        Whether the crop looks for faces, so that what it found is kept too.

    Raises
    ------
    ParameterError
        If the file is something else, or of another embedder or crop.
    OutputError
        If it cannot be written.
    """
    with _complaints(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        base = sqlite3.connect(path, timeout=60)
    with closing(base):
        with _complaints(path):
            _begin(base, path, {"embedder": embedder, "crop": crop})
            if detects:
                base.execute(
                    "CREATE TABLE IF NOT EXISTS found (digest BLOB PRIMARY KEY, numbers BLOB)"
                )
        yield KeptEmbeddings(base, path, dimension, detects=detects)


def _begin(base: sqlite3.Connection, path: Path, of: Mapping[str, str]) -> None:
    """Make the tables, or find that they are there and hold embeddings of the same kind."""
    tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if not {name for (name,) in tables} <= {"about", "embeddings", "found"}:
        raise ParameterError(f"{path} holds no embeddings: name another file for --embeddings.")
    with base:
        base.execute("CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT)")
        base.execute("CREATE TABLE IF NOT EXISTS embeddings (digest BLOB PRIMARY KEY, vector BLOB)")
        base.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", of.items())
    if dict(base.execute("SELECT name, value FROM about").fetchall()) != of:
        raise ParameterError(
            f"{path} holds embeddings of another network or another crop: name another file "
            "for --embeddings."
        )


@contextmanager
def _complaints(path: Path) -> Generator[None]:
    """Say which file it is that cannot be used."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise OutputError(f"{path} cannot be used as a file of embeddings: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise ParameterError(f"{path} cannot be used as a file of embeddings: {error}.") from error
