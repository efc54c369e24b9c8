"""How fast long work embeds here: measured as it goes, and hard to fool."""

import asyncio
import threading
import time

import numpy as np

from lpel_serving.service.batcher import Batcher
from lpel_serving.service.networks import PORTION
from lpel_serving.service.ticket import Ticket

_QUICKER, _SLOWER = 0.3, 0.03


class Pace:
    """Seconds that an image of long work takes when nothing else is asked; safe among threads.

    Work can be slowed by whatever else the machine does, and by nothing made quicker than it can
    be: a quicker measurement counts ten times as much as a slower one, so that a busy moment leaves
    few traces, and what it leaves is soon gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: float | None = None
        self._latest = -float("inf")

    def count(self, images: int, seconds: float, works: int = 1) -> None:
        """So many images took so long while so many long works took turns."""
        if images < 1:
            return
        each = seconds / images / max(1, works)
        with self._lock:
            self._latest = time.monotonic()
            if self._seconds is None:
                self._seconds = each
            else:
                weight = _QUICKER if each < self._seconds else _SLOWER
                self._seconds += weight * (each - self._seconds)

    def seconds(self, images: int) -> float | None:
        """How long so many images take, undisturbed; None where nothing was measured yet."""
        return None if self._seconds is None else images * self._seconds

    async def measure(self, batcher: Batcher, side: int, ticket: Ticket, works: int) -> None:
        """Let a batcher embed a portion of blank images of that side, as one of so many works.

        Raises
        ------
        WithdrawnError
            If the ticket lapses.
        """
        images = list(np.zeros((PORTION, side, side, 3), np.uint8))
        begun = time.monotonic()
        await asyncio.wrap_future(batcher.submit(images, ticket, urgent=False))
        self.count(PORTION, time.monotonic() - begun, works)

    @property
    def age(self) -> float:
        """Seconds since the latest measurement."""
        return time.monotonic() - self._latest
