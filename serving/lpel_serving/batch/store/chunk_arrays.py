"""Arrays of a job's images that are too large to be gathered: files by chunk, read by number.

A file holds an array for each image of its chunk, one after another; those of images that have none
are zeros. It is not mapped when it is read, so that any number of chunks may be in use.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path

import numpy as np

from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import growing_file

_KIND = np.dtype("<f4")
_OPEN = 64
"""Files that are open at once to be read."""


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
    shape: tuple[int, int]

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
        with self.reading(1) as read:
            return read(number)

    @contextmanager
    def reading(self, most: int) -> Generator[Callable[[int], Floats]]:
        """Read arrays again and again: see `read`.

        Parameters
        ----------
        most
            Arrays to hold in memory, those that were read last. An array that was read is
            overwritten when as many others have been since.
        """
        held = np.empty((most, *self.shape), _KIND)
        slots: OrderedDict[int, int] = OrderedDict()
        free = list(range(most))
        with ExitStack() as stack:
            files: dict[int, FileIO] = {}

            def read(number: int) -> Floats:
                if number in slots:
                    slots.move_to_end(number)
                    return held[slots[number]]
                slot = free.pop() if free else slots.popitem(last=False)[1]
                self._fill(number, held[slot], files, stack)
                slots[number] = slot
                return held[slot]

            yield read

    def _fill(self, number: int, array: Floats, files: dict[int, FileIO], stack: ExitStack) -> None:
        """Read an image's array into memory that is there, by files that stay open a while."""
        chunk, place = divmod(number, IMAGES_IN_CHUNK)
        try:
            if chunk not in files:
                if len(files) == _OPEN:
                    files.clear()
                    stack.close()
                files[chunk] = stack.enter_context(self.path(chunk).open("rb", buffering=0))
            files[chunk].seek(place * self.bytes)
            count = files[chunk].readinto(array.data.cast("B"))
        except OSError as error:
            raise OutputError(
                f"cannot read {self.path(chunk)}: {error.strerror or error}."
            ) from error
        if count != self.bytes:
            path = self.path(chunk)
            raise OutputError(f"{path} is damaged: delete {path.parent.parent}, and begin anew.")
