"""Results of the first stage by image number: embedding, digest and faces, or the error.

A plan numbers the distinct images from 0, and embeddings that stand in the rows themselves from
`GIVEN`. `lpel_serving.batch.store.gathering` writes the files that `Lookup` reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.store.catalogue import Catalogue
from lpel_serving.batch.store.folder import Places
from lpel_serving.images.found import FaceNumbers, nothing
from lpel_serving.support.arrow import read_table

Numbers = NDArray[np.int64]

GIVEN = 1 << 40
"""Numbers from here on are those of embeddings that stand in the rows themselves."""
NO_IMAGE = -1

UNUSABLE, NO_FACE, CHANGED, NO_EMBEDDING = "image", "no_face", "changed", "embedding"
OTHER_FACES = "face"
"""Codes of what can be wrong with an image."""


@dataclass(frozen=True)
class Failure:
    """Why an image has no embedding."""

    code: str
    message: str


class Lookup:
    """Finds the results of images by number; nothing is read before it is needed."""

    def __init__(self, places: Places, dimension: int) -> None:
        self._embeddings = np.load(places.all_embeddings, mmap_mode="r", allow_pickle=False)
        self._digests = np.load(places.all_digests, mmap_mode="r", allow_pickle=False)
        self._found = None  # missing from folders of earlier versions
        if places.all_found.is_file():
            self._found = np.load(places.all_found, mmap_mode="r", allow_pickle=False)
        failures = read_table(places.all_failures)
        self._failed = failures["number"].to_numpy()
        self._failures = failures
        size = places.given.stat().st_size
        given = np.memmap(places.given, "<f4", "r") if size else np.empty(0, np.float32)
        self._given = given.reshape(-1, dimension)

    def embeddings(self, numbers: Numbers) -> NDArray[np.float32]:
        """Find embeddings, float32, shape (N, D); those of failures are meaningless."""
        given = numbers >= GIVEN
        found = np.empty((len(numbers), self._given.shape[1]), np.float32)
        found[given] = self._given[numbers[given] - GIVEN]
        found[~given] = self._embeddings[np.maximum(numbers[~given], 0)]
        return found

    def digests(self, numbers: Numbers) -> list[bytes | None]:
        """Find the SHA-256 of images' files; None for embeddings from the rows themselves."""
        of_image = (numbers >= 0) & (numbers < GIVEN)
        raw = self._digests[np.where(of_image, numbers, 0)]
        return [
            one.tobytes() if is_one else None for one, is_one in zip(raw, of_image, strict=True)
        ]

    def found(self, numbers: Numbers) -> FaceNumbers:
        """Find the detected faces: see `numbers_of`; none for embeddings from the rows."""
        of_image = (numbers >= 0) & (numbers < GIVEN)
        found = nothing(len(numbers))
        if self._found is not None:
            found[of_image] = self._found[numbers[of_image]]
        return found

    def failed(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Return which have no embedding."""
        return (numbers == NO_IMAGE) | (self._place(numbers) >= 0)

    def failure(self, number: int) -> Failure:
        """Return why an image has no embedding."""
        place = int(self._place(np.array([number]))[0])
        code, message = (self._failures[name][place].as_py() for name in ("code", "message"))
        return Failure(code, message)

    def _place(self, numbers: Numbers) -> Numbers:
        """The positions of failures; -1 where there is none."""
        if not len(self._failed):
            return np.full(len(numbers), -1)
        place = np.minimum(np.searchsorted(self._failed, numbers), len(self._failed) - 1)
        return np.where(self._failed[place] == numbers, place, -1)


class GivenEmbeddings:
    """Writes embeddings from the rows themselves one after another, and numbers them.

    Parameters
    ----------
    file
        Where to write them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = 0

    def take(self, embeddings: NDArray[np.float32], equal: Catalogue | None) -> Numbers:
        """Add embeddings and return their numbers.

        Parameters
        ----------
        embeddings
            float32, shape (N, D).
        equal
            The catalogue of those seen so far, to be numbered by `add`, so that equal ones have one
            number, as a search requires. When None each has a number of its own.

        Returns
        -------
        Numbers
            int64, shape (N,).
        """
        rows = embeddings.astype("<f4")
        if equal is not None:
            return np.array(equal.numbers([row.tobytes() for row in rows]), np.int64)
        first = GIVEN + self._written
        self._file.write(rows.tobytes())
        self._written += len(rows)
        return np.arange(first, first + len(rows))

    def add(self, digest: bytes, embedding: Path | bytes) -> int:  # noqa: ARG002
        """Write a new one; return its number."""
        self._file.write(bytes(embedding))
        self._written += 1
        return GIVEN + self._written - 1
