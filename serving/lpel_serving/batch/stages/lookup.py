"""Embeddings, digests and failures by the numbers that a plan gave to images."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.arrow import read_table
from lpel_serving.batch.folder.places import Places
from lpel_serving.batch.folder.plan import GIVEN, NO_IMAGE
from lpel_serving.batch.stages.embedding import Failure
from lpel_serving.batch.store.found_columns import nothing

Numbers = NDArray[np.int64]


class Lookup:
    """What became of the images of a job; nothing is taken into memory before it is asked for."""

    def __init__(self, places: Places, dimension: int) -> None:
        self._embeddings = np.load(places.all_embeddings, mmap_mode="r", allow_pickle=False)
        self._digests = np.load(places.all_digests, mmap_mode="r", allow_pickle=False)
        self._found = None  # an earlier version gathered none
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
        """Find the SHA-256 of images' files; None of embeddings that rows brought themselves."""
        of_image = (numbers >= 0) & (numbers < GIVEN)
        raw = self._digests[np.where(of_image, numbers, 0)]
        return [
            one.tobytes() if is_one else None for one, is_one in zip(raw, of_image, strict=True)
        ]

    def found(self, numbers: Numbers) -> NDArray[np.int32]:
        """Find the faces that were found: see `found_columns`; nothing in rows' own embeddings."""
        of_image = (numbers >= 0) & (numbers < GIVEN)
        found = nothing(len(numbers))
        if self._found is not None:
            found[of_image] = self._found[numbers[of_image]]
        return found

    def failed(self, numbers: Numbers) -> NDArray[np.bool_]:
        """Tell which have no embedding."""
        return (numbers == NO_IMAGE) | (self._place(numbers) >= 0)

    def failure(self, number: int) -> Failure:
        """Say why an image has no embedding."""
        place = int(self._place(np.array([number]))[0])
        code, message = (self._failures[name][place].as_py() for name in ("code", "message"))
        return Failure(code, message)

    def _place(self, numbers: Numbers) -> Numbers:
        """The places of failures; -1 where there is none."""
        if not len(self._failed):
            return np.full(len(numbers), -1)
        place = np.minimum(np.searchsorted(self._failed, numbers), len(self._failed) - 1)
        return np.where(self._failed[place] == numbers, place, -1)
