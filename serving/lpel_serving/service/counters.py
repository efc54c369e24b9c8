"""Counters of the service; nothing in them identifies a client."""

import threading


class Counters:
    """Counts; thread-safe.

    Attributes
    ----------
    embedded
        Crops that went through the embedder.
    cached
        Faces that were served from the cache.
    batches
        Inferences of the embedder, by how many crops were in them.
    """

    def __init__(self) -> None:
        self.embedded = 0
        self.cached = 0
        self.batches: dict[int, int] = {}
        self._lock = threading.Lock()

    def count_embedded(self, crops: int) -> None:
        """Count embedded crops."""
        with self._lock:
            self.embedded += crops

    def count_cached(self) -> None:
        """Count a face that was served from the cache."""
        with self._lock:
            self.cached += 1

    def count_batch(self, length: int) -> None:
        """Count a batch."""
        with self._lock:
            self.batches[length] = self.batches.get(length, 0) + 1
