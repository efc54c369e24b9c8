"""Between the stages: what became of all images, in files in which it is found by number."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.arrow import Table, from_vectors, pa, read_table, write_table
from lpel_serving.batch.folder.places import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.folder.plan import Plan
from lpel_serving.batch.store.found_columns import WIDTH, read_found
from lpel_serving.batch.store.kept import KeptFace
from lpel_serving.engine.store.embedding_store import EmbeddingStore
from lpel_serving.engine.store.keys import face_key
from lpel_serving.support.files import growing_file, write_atomically

_KEPT_AT_ONCE = 64
"""Chunks whose embeddings are put into the file together: it is slow to commit, quick to fill."""


def gather(
    plan: Plan, places: Places, dimension: int, kept: EmbeddingStore[KeptFace] | None
) -> None:
    """Put what became of all images into files in which it is found by number.

    Parameters
    ----------
    plan
        Of the job; all its chunks are embedded.
    places
        Where they are.
    dimension
        Length D of the embeddings.
    kept
        Where to keep those that are new for later jobs.
    """
    rows = plan.chunks * IMAGES_IN_CHUNK
    failures: list[Table] = []
    with (
        _filling(places.all_embeddings, (rows, dimension), np.float32) as embeddings,
        _filling(places.all_digests, (rows, 32), np.uint8) as digests,
        _filling(places.all_found, (rows, WIDTH), np.int32) as found,
    ):
        for chunk in range(plan.chunks):
            table = read_table(places.embeddings(chunk))
            embeddings(from_vectors(table["embedding"], dimension))
            raw = b"".join(table["digest"].to_pylist())
            digests(np.frombuffer(raw, np.uint8).reshape(-1, 32))
            found(read_found(table))
            failures.append(_failures(table, chunk * IMAGES_IN_CHUNK))
    if kept is not None:
        keep(plan, places, dimension, kept)
    write_table(places.all_failures, pa.concat_tables([_NO_FAILURES, *failures]).combine_chunks())
    write_atomically(places.embedded, json.dumps({"images": plan.images}).encode())


def keep(plan: Plan, places: Places, dimension: int, kept: EmbeddingStore[KeptFace]) -> None:
    """Keep the embeddings of all images for later jobs, some chunks at a time."""
    for first in range(0, plan.chunks, _KEPT_AT_ONCE):
        faces: dict[bytes, KeptFace] = {}
        for chunk in range(first, min(first + _KEPT_AT_ONCE, plan.chunks)):
            faces |= _good(read_table(places.embeddings(chunk)), dimension)
        kept.put(faces)


def _good(table: Table, dimension: int) -> dict[bytes, KeptFace]:
    """Bring all images of a chunk that have an embedding, by their keys."""
    embeddings, found = from_vectors(table["embedding"], dimension), read_found(table)
    digests = table["digest"].to_pylist()
    return {
        face_key(digests[i], max(int(found[i, 1]), 0)): KeptFace(embeddings[i], found[i])
        for i in np.flatnonzero(table["code"].is_null().to_numpy(zero_copy_only=False))
    }


@contextmanager
def _filling(
    path: Path, shape: tuple[int, int], kind: type[Any]
) -> Generator[Callable[[NDArray[Any]], None]]:
    """Write an array as a file, chunk by chunk, which is there when it is whole.

    Not by mapping it: a disk that is full would end the process without a word.
    """
    # An empty file cannot be mapped when it is read: one row more costs nothing.
    header = {
        "descr": np.dtype(kind).str,
        "fortran_order": False,
        "shape": (shape[0] + 1, shape[1]),
    }
    with growing_file(path) as file:
        np.lib.format.write_array_header_1_0(file, header)

        def fill(rows: NDArray[Any]) -> None:
            whole = np.zeros((IMAGES_IN_CHUNK, shape[1]), kind)
            whole[: len(rows)] = rows
            file.write(whole.tobytes())

        yield fill
        file.write(np.zeros(shape[1], kind).tobytes())


_NO_FAILURES = pa.table(
    {
        "number": pa.array([], pa.int64()),
        "code": pa.array([], pa.string()),
        "message": pa.array([], pa.string()),
    }
)


def _failures(table: Table, first: int) -> Table:
    failed = np.flatnonzero(table["code"].is_valid().to_numpy(zero_copy_only=False))
    taken = table.select(["code", "message"]).take(pa.array(failed))
    return taken.add_column(0, "number", pa.array(first + failed, pa.int64()))
