"""Lists that cost nothing to make: pairs of embeddings, as people's would lie."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

PEOPLE = 20_000
_ROWS = 50_000
_SPREAD = 0.04


def write_embedding_pairs(path: Path, pairs: int, dimension: int) -> None:
    """Write pairs of embeddings that all differ, half of them of one person."""
    writer = None
    for first, references, tests in _pairs(pairs, dimension):
        table = pa.table(
            {
                "pair_id": [str(first + i) for i in range(len(references))],
                "reference": _column(references),
                "test": _column(tests),
            }
        )
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _pairs(
    pairs: int, dimension: int
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    rng = np.random.default_rng(0)
    people = _unit(rng.normal(size=(PEOPLE, dimension)))
    for first in range(0, pairs, _ROWS):
        n = min(_ROWS, pairs - first)
        one = rng.integers(0, PEOPLE, n)
        other = np.where(np.arange(n) % 2, one, rng.integers(0, PEOPLE, n))

        def photographs(of: NDArray[np.int64]) -> NDArray[np.float32]:
            return _unit(people[of] + _SPREAD * rng.normal(size=(len(of), dimension)))

        yield first, photographs(one), photographs(other)


def _unit(values: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float32]:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def _column(embeddings: NDArray[np.float32]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(embeddings.reshape(-1)), embeddings.shape[1])


def write_photograph_pairs(path: Path, photographs: list[str], pairs: int) -> None:
    """Write pairs drawn from a few photographs, by their paths."""
    rng = np.random.default_rng(0)
    names = pa.array(photographs)
    one, other = rng.integers(0, len(photographs), (2, pairs))
    pq.write_table(
        pa.table({"reference": names.take(pa.array(one)), "test": names.take(pa.array(other))}),
        path,
    )
