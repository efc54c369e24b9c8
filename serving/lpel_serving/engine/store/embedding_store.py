"""What every store of embeddings can do: give back by its key what was put in.

Two keep what an embedder made of faces: `memory.MemoryStore` for as long as a process lives, and
`sqlite.SqliteStore` in a file. Three others look alike and are not: the service's shared tasks are
embeddings still under way, with those who wait for them; a batch job's catalogue gives images their
numbers, and its chunks are whole columns that are read by these numbers, faster than by any key;
and crops that are named twice in one call are found by `distinct_crops` among pixels in memory.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class EmbeddingStore(Protocol[T]):
    """Keeps an embedding and what belongs to it, by keys that `keys.face_key` makes."""

    def get(self, keys: Sequence[bytes], /) -> dict[bytes, T]:
        """Look faces up; those that are not kept are left out."""
        ...

    def put(self, values: Mapping[bytes, T], /) -> None:
        """Keep all of them or, if that fails, none."""
        ...
