"""Between the stages: what became of all images, in files in which it is found by number."""

import json
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.arrow import from_vectors, pa, read_table, write_table
from lpel_serving.batch.kept import KeptEmbeddings, Vector
from lpel_serving.batch.places import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.plan import Plan
from lpel_serving.files import write_atomically


def gather(plan: Plan, places: Places, dimension: int, kept: KeptEmbeddings | None) -> None:
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
    failures: list[Any] = []
    with (
        _rows_of(places.all_embeddings, (rows, dimension), np.float32) as embeddings,
        _rows_of(places.all_digests, (rows, 32), np.uint8) as digests,
    ):
        for chunk in range(plan.chunks):
            table = read_table(places.embeddings(chunk))
            first = chunk * IMAGES_IN_CHUNK
            of = slice(first, first + table.num_rows)
            embeddings[of] = from_vectors(table["embedding"], dimension)
            raw = b"".join(table["digest"].to_pylist())
            digests[of] = np.frombuffer(raw, np.uint8).reshape(-1, 32)
            failed = np.flatnonzero(table["code"].is_valid().to_numpy(zero_copy_only=False))
            failures.append(_failures(table, failed, first))
    whole = pa.concat_tables([_NO_FAILURES, *failures])
    if kept is not None:
        kept.add(_embedded(plan, places, dimension))
    write_table(places.all_failures, whole)
    write_atomically(places.embedded, json.dumps({"images": plan.images}).encode())


def _embedded(plan: Plan, places: Places, dimension: int) -> Iterator[tuple[bytes, Vector]]:
    """Bring all images that have an embedding."""
    for chunk in range(plan.chunks):
        table = read_table(places.embeddings(chunk))
        good = table["code"].is_null().to_pylist()
        embeddings = from_vectors(table["embedding"], dimension)
        pairs = zip(table["digest"].to_pylist(), embeddings, strict=True)
        yield from (pair for pair, is_good in zip(pairs, good, strict=True) if is_good)


@contextmanager
def _rows_of(path: Path, shape: tuple[int, int], kind: Any) -> Generator[NDArray[Any]]:
    """Fill an array that need not fit into memory, as a file that is there when it is full."""
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    # An empty file cannot be mapped: one row more costs nothing.
    array = np.lib.format.open_memmap(
        partial, mode="w+", dtype=kind, shape=(max(1, shape[0]), shape[1])
    )
    try:
        yield array
        array.flush()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


_NO_FAILURES = pa.table(
    {
        "number": pa.array([], pa.int64()),
        "code": pa.array([], pa.string()),
        "message": pa.array([], pa.string()),
    }
)


def _failures(table: Any, failed: Any, first: int) -> Any:
    taken = table.select(["code", "message"]).take(pa.array(failed))
    return taken.add_column(0, "number", pa.array(first + failed, pa.int64()))
