"""Answers that wait to be taken: so many bytes in all, and the slowest readers go first."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

_UNREAD_PARTS = 4
"""So many parts of an answer find room in buffers on the way before anybody reads."""


class WaitingAnswer:
    """An answer that its client has not yet taken whole.

    Parameters
    ----------
    size
        Its bytes, all of which are kept until the last of them are on their way.
    hang_up
        Gives it up, and its connection.
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
        """How well it is read: parts a second, and since when, which is for those read equally.

        Whichever is less: on the whole, where what only lies in buffers does not count, and lately,
        where what was taken before the client stopped does not.
        """
        on_the_whole = max(0, self._parts - _UNREAD_PARTS) / max(1e-9, now - self._begun)
        lately = 1 / max(1e-9, now - self._last, self._seconds)
        return min(on_the_whole, lately), self._begun


class Untaken:
    """All answers of a server that were made for one request each and wait to be taken.

    If another one would make them too many bytes, those that are read most slowly are given up, and
    of several that nobody reads the oldest. So whoever reads keeps its answer, also if it is slow,
    and nobody who comes is kept waiting by those who do not read.

    Parameters
    ----------
    most
        Bytes that may wait in all. A larger answer waits alone.

    Attributes
    ----------
    hung_up
        Connections that were given up so far because their answers were not taken.
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
