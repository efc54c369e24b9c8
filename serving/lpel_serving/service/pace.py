"""How fast long work embeds here: measured as it goes, and not fooled by a moment."""

import math
import threading
import time
from collections.abc import Callable

_QUICKER, _SLOWER = 0.3, 0.03
_REST = 10.0
"""Seconds of inference in an idle machine that are taken for granted: a busy moment is outweighed
by them, and a busy machine outweighs them."""
_FADES = 120.0
"""Seconds in which most of how busy the machine was is forgotten."""


class Pace:
    """Seconds that an image of long work takes here; safe among threads.

    It has two parts. What an inference takes by itself hardly changes, so that a quicker
    measurement counts ten times as much as a slower one. How far other programs stretch that is
    the time on the wall by the time of the inferences themselves, over the last minutes.

    Parameters
    ----------
    at_once
        Inferences that run at the same time.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._seconds: float | None = None
        self._busy = self._wall = 0.0
        self._latest = -math.inf

    def count(self, images: int, seconds: float, wall: float) -> None:
        """An inference of so many images took so long by `clock_of`, and by the clock on a wall."""
        each = seconds / images / self._at_once
        with self._lock:
            fading = math.exp(-self.age / _FADES)
            self._busy = fading * self._busy + seconds
            self._wall = fading * self._wall + max(wall, seconds)
            self._latest = time.monotonic()
            if self._seconds is None:
                self._seconds = each
            weight = _QUICKER if each < self._seconds else _SLOWER
            self._seconds += weight * (each - self._seconds)

    def seconds(self, images: int) -> float | None:
        """How long so many images take at present, if they are the only long work.

        None where nothing was measured yet.
        """
        if self._seconds is None:
            return None
        fading = math.exp(-self.age / _FADES)
        stretch = (_REST + fading * self._wall) / (_REST + fading * self._busy)
        return images * self._seconds * stretch

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
