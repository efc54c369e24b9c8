"""A store of embeddings in memory: least recently used ones are dropped."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class MemoryStore(Generic[T]):
    """An `embedding_store.EmbeddingStore` that drops the least recently used values.

    Not thread-safe.

    Parameters
    ----------
    most
        Upper bound of its size in bytes; 0 stores nothing.
    size
        Returns the size of a value in bytes.
    """

    def __init__(self, most: int, size: Callable[[T], int]) -> None:
        self._most = most
        self._size = size
        self._bytes = 0
        self._values: OrderedDict[bytes, T] = OrderedDict()

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, T]:
        """Look faces up, and mark them as recently used; those not stored are left out."""
        found = {key: self._values[key] for key in keys if key in self._values}
        for key in found:
            self._values.move_to_end(key)
        return found

    def put(self, values: Mapping[bytes, T], /) -> None:
        """Store new values, and drop the least recently used ones beyond the limit."""
        for key, value in values.items():
            if key not in self._values:
                self._values[key] = value
                self._bytes += self._size(value)
        while self._bytes > self._most:
            self._bytes -= self._size(self._values.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._values)
