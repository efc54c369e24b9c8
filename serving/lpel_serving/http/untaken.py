"""Answers that wait to be taken: so many bytes in all, and the slowest readers go first."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


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
        self._last = time.monotonic()
        self._seconds = 0.0

    def note_part(self) -> None:
        """Note that the client has taken another part."""
        now = time.monotonic()
        self._seconds, self._last = now - self._last, now

    @property
    def slowness(self) -> float:
        """Seconds for the part that is awaited or for the one before it, whichever are more."""
        return max(time.monotonic() - self._last, self._seconds)


class Untaken:
    """All answers of a server that were made for one request each and wait to be taken.

    If another one would make them too many bytes, those readers are hung up on that have been
    waited for longest: who reads keeps what it was promised, also if it reads slowly, and whoever
    comes is never kept waiting by those who do not.

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
            self._give_up(max(self._waiting, key=lambda one: one.slowness))
        answer = WaitingAnswer(size, hang_up)
        self._waiting.add(answer)
        try:
            yield answer
        finally:
            self._waiting.discard(answer)

    def _give_up(self, answer: WaitingAnswer) -> None:
        self._waiting.discard(answer)
        answer.hang_up()
