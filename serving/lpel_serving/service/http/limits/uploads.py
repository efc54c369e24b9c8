"""Uploads in progress: bounded in memory, number and time."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Literal

from starlette.types import Message, Receive

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.settings import Limits

Why = Literal["stalled", "late", "crowded", "closing"]

_LOOKS = 10
"""Checks of every upload per stall time-out."""
_LATELY = 2
"""The number of checks that count as recent."""


class Upload:
    """One upload in progress.

    Parameters
    ----------
    begun
        When it began, by the event loop's clock.

    Attributes
    ----------
    received
        Bytes that have arrived.
    dropped
        Why it was dropped; None if it was not.
    """

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.received = 0
        self.dropped: Why | None = None
        self._past: deque[int] = deque(maxlen=_LOOKS)
        self._waiting: asyncio.Timeout | None = None

    async def receive(self, receive: Receive) -> Message:
        """Wait for the next part, or until it is dropped."""
        try:
            async with asyncio.timeout(None if self.dropped is None else 0) as self._waiting:
                return await receive()
        except TimeoutError:
            return {"type": "http.request", "body": b"", "more_body": True}
        finally:
            self._waiting = None

    def drop(self, why: Why) -> None:
        """Drop it."""
        self.dropped = why
        if self._waiting is not None:
            self._waiting.reschedule(0)

    def look(self) -> None:
        """Record how far it is."""
        self._past.append(self.received)

    def gained(self, looks: int) -> int | None:
        """Bytes that arrived in the last n checks; None if it is younger."""
        return self.received - self._past[-looks] if len(self._past) >= looks else None

    @property
    def gained_lately(self) -> int:
        """Bytes that arrived recently, or since it began."""
        gained = self.gained(_LATELY)
        return self.received if gained is None else gained


class Uploads:
    """All uploads in progress; belongs to one event loop.

    All are checked several times per stall time-out. Where there is no room for a part, one of the
    uploads that hold more than an equal share of the memory is dropped: the one that gained least
    recently. So neither a few large uploads nor many idle ones block others, and fast clients
    succeed.

    Parameters
    ----------
    limits
        The limits of their number, memory and speed.
    draining
        Whether the service is being stopped.

    Attributes
    ----------
    received
        Bytes that they hold.
    dropped
        How many were dropped so far, by reason.
    """

    def __init__(self, limits: Limits, draining: Callable[[], bool]) -> None:
        self.received = 0
        self.dropped: Counter[Why] = Counter()
        self._limits = limits
        self._draining = draining
        self._under_way: dict[Upload, None] = {}  # the oldest first
        self._ends: float | None = None
        self._next_look: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> int:
        """How many there are."""
        return len(self._under_way)

    def begin(self) -> Upload:
        """Begin an upload, to be ended by `end`."""
        loop = asyncio.get_running_loop()
        if self.under_way >= self._limits.uploads:
            self._drop_slowest(self._under_way)
        upload = Upload(loop.time())
        self._under_way[upload] = None
        if self._next_look is None:
            self._look_later(loop)
        return upload

    def end(self, upload: Upload) -> None:
        """End an upload; no effect if it has ended."""
        if upload in self._under_way:
            del self._under_way[upload]
            self.received -= upload.received

    async def receive(self, upload: Upload, receive: Receive) -> Message:
        """Wait for the next part of a body, as ASGI's `receive`.

        Raises
        ------
        Problem
            If it is dropped: 408 where its client is to blame, 503 where there is no room or the
            service stops.
        """
        message = await upload.receive(receive)
        if upload.dropped is None:
            self._count(upload, len(message.get("body", b"")))
        if upload.dropped is not None:
            raise self._problem(upload.dropped)
        return message

    def drop(self, upload: Upload, why: Why) -> None:
        """Drop an upload; no effect if it has ended."""
        if upload in self._under_way:
            self.end(upload)
            self.dropped[why] += 1
            upload.drop(why)

    def _count(self, upload: Upload, received: int) -> None:
        upload.received += received
        self.received += received
        while self.received > self._limits.uploads_bytes:
            share = self._limits.uploads_bytes / self.under_way
            self._drop_slowest(one for one in self._under_way if one.received > share)

    def _drop_slowest(self, among: Iterable[Upload]) -> None:
        self.drop(min(among, key=lambda one: one.gained_lately), "crowded")

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next_look = loop.call_later(self._limits.stall_seconds / _LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next_look = None
        if self._ends is None and self._draining():
            self._ends = loop.time() + self._limits.drain_seconds
        for upload in list(self._under_way):
            why = self._fault(upload, loop.time())
            if why is not None:
                self.drop(upload, why)
            upload.look()
        if self._under_way:
            self._look_later(loop)

    def _fault(self, upload: Upload, now: float) -> Why | None:
        limits = self._limits
        if self._ends is not None and (now >= self._ends or upload.gained(_LATELY) == 0):
            return "closing"
        gained = upload.gained(_LOOKS)
        if gained is not None and gained < limits.upload_rate * limits.stall_seconds:
            return "stalled"
        return "late" if now >= upload.begun + limits.body_seconds else None

    def _problem(self, why: Why) -> Problem:
        limits = self._limits
        close, later = {"Connection": "close"}, {"Retry-After": "1"}
        match why:
            case "stalled":
                detail = (
                    f"less than {limits.upload_rate:,} bytes a second of the body arrived within "
                    f"{limits.stall_seconds:g} seconds: send it again."
                )
                return Problem(408, detail, headers=close)
            case "late":
                detail = f"the body did not arrive within {limits.body_seconds:g} seconds"
                return Problem(408, f"{detail}: send it again.", headers=close)
            case "crowded":
                detail = (
                    "more uploads are in progress than there is room for, and others came faster "
                    "than this one: send it again later."
                )
                return Problem(503, detail, headers=later)
            case "closing":
                detail = "the service is being shut down, and the body had not come whole."
                return Problem(503, detail, headers=close | later)
