"""Arrays of a job's images that are too large to be gathered: files by chunk, read by number.

A file holds an array for each image of its chunk, one after another; those of images that have none
are zeros. It is not mapped when it is read, so that any number of chunks may be in use.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import growing_file

_KIND = np.dtype("<f4")


@dataclass(frozen=True)
class ChunkArrays:
    """Float32 arrays of one shape, by the numbers of the images.

    Attributes
    ----------
    path
        The file of a chunk.
    shape
        Of an image's array.
    """

    path: Callable[[int], Path]
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """The size of one array."""
        return prod(self.shape) * _KIND.itemsize

    def holds(self, chunk: int) -> bool:
        """Whether those of a chunk are written."""
        return self.path(chunk).is_file()

    @contextmanager
    def writing(self, chunk: int, images: int) -> Generator[Callable[[int, Floats], None]]:
        """Write those of a chunk, by their places in it; the file appears when it is complete.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with growing_file(self.path(chunk)) as file:

            def put(place: int, array: Floats) -> None:
                file.seek(place * self.bytes)
                file.write(array.reshape(self.shape).astype(_KIND).tobytes())

            yield put
            file.truncate(images * self.bytes)

    def read(self, number: int) -> Floats:
        """Read an image's array.

        Raises
        ------
        OutputError
            If its file is not there, or damaged.
        """
        chunk, place = divmod(number, IMAGES_IN_CHUNK)
        size, path = prod(self.shape), self.path(chunk)
        try:
            found = np.fromfile(path, _KIND, size, offset=place * self.bytes)
        except OSError as error:
            raise OutputError(f"cannot read {path}: {error.strerror or error}.") from error
        if found.size != size:
            raise OutputError(f"{path} is damaged: delete {path.parent.parent}, and begin anew.")
        return found.reshape(self.shape)
