"""What a service has done so far, in numbers that say nothing of whom it was done for."""

import threading


class Counters:
    """Counts; safe to share among threads.

    Attributes
    ----------
    embedded
        Crops that went through the embedder.
    cached
        Faces that were asked for again, and were at hand.
    batches
        Inferences of the embedder, by how many crops were in them.
    """

    def __init__(self) -> None:
        self.embedded = 0
        self.cached = 0
        self.batches: dict[int, int] = {}
        self._lock = threading.Lock()

    def count_embedded(self, crops: int) -> None:
        """So many crops more were embedded."""
        with self._lock:
            self.embedded += crops

    def count_cached(self) -> None:
        """One face more was at hand."""
        with self._lock:
            self.cached += 1

    def count_batch(self, length: int) -> None:
        """One batch more was run."""
        with self._lock:
            self.batches[length] = self.batches.get(length, 0) + 1
