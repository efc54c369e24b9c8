"""A store of embeddings in memory: those that were asked for last, in so many bytes."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class MemoryStore(Generic[T]):
    """An `embedding_store.EmbeddingStore` that lets go of what was not asked for the longest.

    It is for one thread.

    Parameters
    ----------
    most
        Bytes that all may take; 0 keeps nothing, ever.
    size
        How many bytes one takes.
    """

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        self._most = most
        self._size = size
        self._bytes = 0
        self._values: OrderedDict[bytes, T] = OrderedDict()

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, T]:
        """Look faces up, which thereby were asked for last; those not kept are left out."""
        found = {key: self._values[key] for key in keys if key in self._values}
        for key in found:
            self._values.move_to_end(key)
        return found

    def put(self, values: Mapping[bytes, T], /) -> None:
        """Keep what is not kept yet, and let go of what is too much."""
        for key, value in values.items():
            if key not in self._values:
                self._values[key] = value
                self._bytes += self._size(value)
        while self._bytes > self._most:
            self._bytes -= self._size(self._values.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._values)
