"""Cache files of embeddings and targets, by the content of the photographs."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lpel_serving.engine.store.sqlite import Field, SqliteStore, complaining
from lpel_serving.support.image_shape import ImageShape
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
        path.touch(mode=0o600)  # personal data: readable by the owner only
        database = sqlite3.connect(path, timeout=60)
    return SqliteStore(database, "photograph", tables, complain)


def open_face_store(
    path: Path, dimension: int, target: ImageShape | None, *, counts: bool = False
) -> SqliteStore:
    """Open a file of embeddings and decoder's targets; it belongs to one network with one crop.

    Its rows are ``embedding``, float32, shape (D,), and ``target``, uint8, shape (H, W, C), unless
    that is None. Where the crop looks for faces (`counts`) they also have ``faces``, how many there
    were; what an earlier version stored without is taken for unknown.
    """
    tables = {"faces": {"embedding": Field(np.float32, (dimension,))}}
    if target is not None:
        tables["faces"]["target"] = Field(np.uint8, tuple(target))
    if counts:
        tables["counts"] = {"faces": Field(np.int32, ())}
    return open_array_store(path, tables)
