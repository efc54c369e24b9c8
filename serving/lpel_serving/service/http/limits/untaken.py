"""Unsent answers: bounded in bytes; the slowest readers are dropped first."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

_UNREAD_PARTS = 4
"""Parts of an answer that fit into buffers on the way before the client reads any."""


class WaitingAnswer:
    """An answer that its client has not yet read completely.

    Parameters
    ----------
    size
        Its bytes, all of which are kept until the last are on their way.
    hang_up
        Drops it, and its connection.
    """

    def __init__(self, size: int, hang_up: Callable[[], None]) -> None:
        self.size = size
        self.hang_up = hang_up
        self._begun = self._last = time.monotonic()
        self._seconds = 0.0
        self._parts = 0

    def note_part(self) -> None:
        """Note that another part of it is on its way."""
        now = time.monotonic()
        self._seconds, self._last = now - self._last, now
        self._parts += 1

    def merit(self, now: float) -> tuple[float, float]:
        """How well it is read: parts a second, then its age, which decides among equals.

        The smaller of two rates: over its whole time, without what only fills buffers, and
        recently, without what was read before the client stopped.
        """
        on_the_whole = max(0, self._parts - _UNREAD_PARTS) / max(1e-9, now - self._begun)
        lately = 1 / max(1e-9, now - self._last, self._seconds)
        return min(on_the_whole, lately), self._begun


class Untaken:
    """All unsent answers of a server that were made for one request each.

    If another one would exceed the limit, those that are read most slowly are dropped, and of
    several that nobody reads the oldest. So clients that read keep their answers, even if they are
    slow, and clients that do not read block nobody.

    Parameters
    ----------
    most
        Bytes that may wait in all; a larger answer waits alone.

    Attributes
    ----------
    hung_up
        Connections that were dropped so far because their answers were not read.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: set[WaitingAnswer] = set()
        self.hung_up = 0

    @property
    def bytes(self) -> int:
        """How many wait now."""
        return sum(one.size for one in self._waiting)

    @contextmanager
    def entered(self, size: int, hang_up: Callable[[], None]) -> Generator[WaitingAnswer]:
        """Count an answer while the context is open; see `WaitingAnswer`."""
        while self._waiting and self.bytes + size > self._most:
            now = time.monotonic()
            self._give_up(min(self._waiting, key=lambda one: one.merit(now)))
        answer = WaitingAnswer(size, hang_up)
        self._waiting.add(answer)
        try:
            yield answer
        finally:
            self._waiting.discard(answer)

    def _give_up(self, answer: WaitingAnswer) -> None:
        self._waiting.discard(answer)
        answer.hang_up()
