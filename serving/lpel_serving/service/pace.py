"""How fast long work embeds here: measured as it goes, and not fooled by a busy moment."""

import threading
import time
from collections.abc import Callable

_QUICKER, _SLOWER = 0.3, 0.03


class Pace:
    """Seconds that an image of long work takes when nothing else is done; safe among threads.

    What else the machine does slows work down, and nothing makes it quicker than it can be: a
    quicker measurement counts ten times as much as a slower one.

    Parameters
    ----------
    at_once
        Inferences that run at the same time.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._seconds: float | None = None
        self._latest = -float("inf")

    def count(self, images: int, seconds: float) -> None:
        """An inference of so many images took so long by the clock of `clock_of`."""
        each = seconds / images / self._at_once
        with self._lock:
            self._latest = time.monotonic()
            if self._seconds is None:
                self._seconds = each
            weight = _QUICKER if each < self._seconds else _SLOWER
            self._seconds += weight * (each - self._seconds)

    def seconds(self, images: int) -> float | None:
        """How long so many images take, undisturbed; None where nothing was measured yet."""
        return None if self._seconds is None else images * self._seconds

    @property
    def age(self) -> float:
        """Seconds since the latest measurement."""
        return time.monotonic() - self._latest


def clock_of(provider: str) -> Callable[[], float]:
    """By which clock an inference is measured, in the thread that runs it.

    On the processor it is that of the thread, which stands still while other programs have the
    core; elsewhere the thread itself may only wait, and it is the clock on the wall.
    """
    return time.thread_time if provider == "cpu" else time.monotonic
