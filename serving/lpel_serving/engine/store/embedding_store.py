"""The protocol of stores of embeddings: get and put by key.

Two implement it: `memory.MemoryStore` for the lifetime of a process, and `sqlite.SqliteStore` in a
file, which a batch job's `KeptEmbeddings` stands on; `methods.each_once` keeps those of one pair.
Three others are similar, and are no such stores: the service's shared tasks are embeddings in
progress, with those who wait for them; a batch job's catalogue numbers images, and its chunks are
whole columns read by these numbers, faster than by key; and `distinct_crops` finds repeated crops
within one call by their pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class EmbeddingStore(Protocol[T]):
    """Stores an embedding and related values by keys made by `keys.face_key`."""

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, T]:
        """Look faces up; those not stored are left out."""
        ...

    def put(self, values: Mapping[bytes, T], /) -> None:
        """Store all of them or, if that fails, none."""
        ...
