"""Embeddings that the rows of a list bring themselves, numbered, in one file."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.plan import GIVEN
from lpel_serving.batch.store.catalogue import Catalogue


class GivenEmbeddings:
    """Writes embeddings one after another, and numbers them.

    Parameters
    ----------
    file
        Where to write them.
    distinct
        Where to remember which were met, so that equal ones have one number, as a search asks for.
        When None each has a number of its own.
    """

    def __init__(self, file: BinaryIO, distinct: Path | None) -> None:
        self._file = file
        self._written = 0
        self._catalogue = None if distinct is None else Catalogue(distinct, self._add)

    def __enter__(self) -> "GivenEmbeddings":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._catalogue is not None:
            self._catalogue.__exit__(kind, error, trace)

    def take(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
        """Take embeddings, float32, shape (N, D); return their numbers, int64, shape (N,)."""
        if self._catalogue is None:
            self._file.write(embeddings.astype("<f4").tobytes())
            self._written += len(embeddings)
            return GIVEN + self._written - len(embeddings) + np.arange(len(embeddings))
        found = self._catalogue.numbers([row.astype("<f4").tobytes() for row in embeddings])
        return np.array(found, np.int64)

    def _add(self, digest: bytes, source: Path | bytes) -> int:  # noqa: ARG002
        self._file.write(bytes(source))
        self._written += 1
        return GIVEN + self._written - 1
