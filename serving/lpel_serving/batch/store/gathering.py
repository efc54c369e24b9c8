"""Gathers the results of all chunks of images into files by number, and keeps them for later jobs.

Chunks are written one by one, each atomically; `gather` copies them into files indexed by number,
so that `lpel_serving.batch.store.by_number.Lookup` finds any image without keeping a file of each
chunk open or mapped.
"""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.store.kept import KeptFace
from lpel_serving.engine.store.embedding_store import EmbeddingStore
from lpel_serving.engine.store.keys import face_key
from lpel_serving.images.found import WIDTH, FaceNumbers, nothing
from lpel_serving.support.arrow import Table, from_vectors, pa, read_table, write_table
from lpel_serving.support.files import growing_file, write_atomically

_KEPT_AT_ONCE, _WITH_LOCAL = 64, 4
"""Chunks that are committed to the database together, since commits are slow: of embeddings, and
with local features, which take a hundred times the memory."""


def gather(
    chunks: int,
    images: int,
    places: Places,
    dimension: int,
    kept: EmbeddingStore[KeptFace] | None,
    local: ChunkArrays | None = None,
) -> None:
    """Write embeddings, digests, faces and errors into files indexed by image number.

    Parameters
    ----------
    chunks, images
        Their numbers in the plan; all are embedded.
    places
        The files of the job.
    dimension
        Length D of the embeddings.
    kept
        Where to keep those that are new for later jobs.
    local
        Where local features are, if later jobs are to have them too.
    """
    rows = chunks * IMAGES_IN_CHUNK
    failures: list[Table] = []
    with (
        _filling(places.all_embeddings, (rows, dimension), np.float32) as embeddings,
        _filling(places.all_digests, (rows, 32), np.uint8) as digests,
        _filling(places.all_found, (rows, WIDTH), np.int32) as found,
    ):
        for chunk in range(chunks):
            table = read_table(places.embeddings(chunk))
            embeddings(from_vectors(table["embedding"], dimension))
            raw = b"".join(table["digest"].to_pylist())
            digests(np.frombuffer(raw, np.uint8).reshape(-1, 32))
            found(_read_found(table))
            failures.append(_failures(table, chunk * IMAGES_IN_CHUNK))
    if kept is not None:
        keep(chunks, places, dimension, kept, local)
    write_table(places.all_failures, pa.concat_tables([_NO_FAILURES, *failures]).combine_chunks())
    write_atomically(places.embedded, json.dumps({"images": images}).encode())


def keep(
    chunks: int,
    places: Places,
    dimension: int,
    kept: EmbeddingStore[KeptFace],
    local: ChunkArrays | None = None,
) -> None:
    """Keep the embeddings of all images for later jobs, a few chunks at a time.

    Chunks without local features are left out where those are asked for: they were embedded while
    no file for later jobs was named.
    """
    there = [chunk for chunk in range(chunks) if local is None or local.holds(chunk)]
    at_once = _KEPT_AT_ONCE if local is None else _WITH_LOCAL
    for first in range(0, len(there), at_once):
        faces: dict[bytes, KeptFace] = {}
        for chunk in there[first : first + at_once]:
            faces |= _good(read_table(places.embeddings(chunk)), dimension, chunk, local)
        kept.put(faces)


def _good(
    table: Table, dimension: int, chunk: int, local: ChunkArrays | None
) -> dict[bytes, KeptFace]:
    """Return all images of a chunk that have an embedding, by their keys."""
    embeddings, found = from_vectors(table["embedding"], dimension), _read_found(table)
    digests, first = table["digest"].to_pylist(), chunk * IMAGES_IN_CHUNK
    faces: dict[bytes, KeptFace] = {}
    for i in np.flatnonzero(table["code"].is_null().to_numpy(zero_copy_only=False)).tolist():
        of_image = None if local is None else local.read(first + i)
        key = face_key(digests[i], max(int(found[i, 1]), 0))
        faces[key] = KeptFace(embeddings[i], found[i], of_image)
    return faces


@contextmanager
def _filling(
    path: Path, shape: tuple[int, int], kind: type[Any]
) -> Generator[Callable[[NDArray[Any]], None]]:
    """Write an array as a file, chunk by chunk; the file appears when it is complete.

    It is not mapped: on a full disk a mapped write would kill the process without a message.
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


def _read_found(embedded: Table) -> FaceNumbers:
    """Read the faces from the table of a chunk; an earlier version wrote none. int32, (N, 6)."""
    if "found" not in embedded.column_names:
        return nothing(len(embedded))
    return np.asarray(from_vectors(embedded["found"], WIDTH), np.int32)
