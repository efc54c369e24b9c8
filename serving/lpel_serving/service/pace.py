"""A running estimate of the embedding speed of long work, robust to short spikes."""

import math
import threading
import time
from collections.abc import Callable

_QUICKER, _SLOWER = 0.3, 0.03
_REST = 10.0
"""Seconds of inference on an idle machine that the estimate starts with: they outweigh a busy
moment, and a busy machine outweighs them."""
_FADES = 120.0
"""Time constant, in seconds, with which the estimate of the machine's load forgets."""


class Pace:
    """Seconds that an image of long work takes here; thread-safe.

    The estimate has two parts. The time of an inference by itself hardly changes, so a faster
    measurement weighs ten times as much as a slower one. The slow-down by other programs is
    wall-clock time over the inferences' own time, in the last minutes.

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
        """Record an inference: its images, its time by `clock_of`, and by the wall clock."""
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
        """Estimate how long n images take at present, if they are the only long work.

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
    """Return the clock for measuring an inference, read in the thread that runs it.

    On the CPU it is the thread's CPU time, which stands still while other programs have the core;
    on other providers the thread itself may only wait, and it is the wall clock.
    """
    return time.thread_time if provider == "cpu" else time.monotonic
