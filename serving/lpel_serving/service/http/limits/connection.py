"""Connection limits: how many there may be, and time-outs for idle and slow clients."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lpel_serving.service.http.limits.delivery import Delivery
from lpel_serving.service.http.limits.untaken import Untaken

MAX_CONNECTIONS = 512
HEAD_SECONDS = 10.0
"""Seconds for the head of a request; and for the rest of one that was answered early."""
READ_SECONDS, READ_RATE = 20.0, 16 * 2**10
"""A client must read so many bytes of its answer a second, over so many seconds, or all there are.

A poor mobile network gives more (EDGE about 200 kbit/s, where this is 131), and the time is long
enough for a train's way through a tunnel."""

_LINES, _LINE_BYTES = 256, 32
"""This many lines in one read, this short on average, are chunks that no honest client sends."""
_HEAD_BYTES = 16 * 2**10


class _Clock:
    """A timer that calls a function when it has run out."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._timer: asyncio.TimerHandle | None = None
        self._purpose: object = None

    def run(self, seconds: float, purpose: object = None) -> None:
        """Start, unless it already runs for the same purpose."""
        if self._timer is not None and purpose == self._purpose:
            return
        self.stop()
        self._purpose = purpose
        self._timer = self._loop.call_later(seconds, self._rung)

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._timer is not None

    def stop(self) -> None:
        """Stop, if it runs."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rung(self) -> None:
        self._timer = None
        self._ring()


class _Written:
    """A transport that counts what is written to it, and calls back on each write."""

    def __init__(self, transport: asyncio.Transport, on_write: Callable[[], None]) -> None:
        self._transport, self._on_write = transport, on_write
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Write, as `asyncio.Transport.write` does."""
        self._transport.write(data)
        self.bytes += len(data)
        self._on_write()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CarefulProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, with time-outs for clients that are slow to send or to read.

    Uvicorn itself waits for ever for the first request, for the rest of one that has begun, and for
    a client that does not read. The rest of a request that was answered early is read and
    discarded, so that the answer arrives; that, too, has a time-out.

    Parameters
    ----------
    untaken
        The unsent answers of all connections.
    args, kwargs
        As for uvicorn's protocol.

    Attributes
    ----------
    heard
        When anything last arrived, by the event loop's clock.
    """

    _written: _Written

    def __init__(self, *args: Any, untaken: Untaken, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._untaken = untaken
        self._delivery = Delivery(self.app, untaken, self._give_up)
        self.app = self._delivery
        self._asking = _Clock(self.loop, self._look_whether_asked)
        self._taking = _Clock(self.loop, self._look_whether_taken)
        self._to_be_taken = 0
        self.heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Accept a connection; if there are too many, drop an idle one for it."""
        self._written = _Written(transport, self._mind_the_taking)
        super().connection_made(cast("asyncio.Transport", self._written))
        self.heard = self.loop.time()
        self._mind_the_request()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Process received data, unless its chunks are so small that they would block others."""
        if self._comes_in_chunks(data) and data.count(b"\n") > max(_LINES, len(data) / _LINE_BYTES):
            self.hang_up()
            return
        super().data_received(data)
        self.heard = self.loop.time()
        self._mind_the_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release a connection."""
        self._asking.stop()
        self._taking.stop()
        super().connection_lost(exc)

    def eof_received(self) -> Any:
        """Go on sending a finished answer, also to a client that has closed its sending side."""
        cycle: Any = self.cycle  # None before the first request
        if cycle is None or not cycle.response_started or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return self._delivery.is_whole

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also if the end of the last answer was never read."""
        super().timeout_keep_alive_handler()
        self._mind_the_taking()

    def _mind_the_request(self) -> None:
        """Run a timer exactly while a request is awaited that may never be complete."""
        if self.awaits_more():
            self._asking.run(HEAD_SECONDS, purpose=self.conn.their_state)
        else:
            self._asking.stop()

    def _make_room(self) -> None:
        """Of too many connections, drop the longest idle one; if none is idle, this one."""
        there = cast("set[CarefulProtocol]", self.connections)
        there = [one for one in there if not one.transport.is_closing()]
        if len(there) > MAX_CONNECTIONS:
            idle = [one for one in there if one.awaits_more()]
            min(idle, key=lambda one: one.heard).hang_up()

    def awaits_more(self) -> bool:
        """Whether a request, or the rest of an answered one, has yet to arrive."""
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        return answered or self.conn.their_state is h11.IDLE

    def _look_whether_asked(self) -> None:
        if self.awaits_more():  # buffered data may have become a request meanwhile
            self.hang_up()

    def _comes_in_chunks(self, data: bytes) -> bool:
        if self.conn.their_state is h11.SEND_BODY:
            return any(name == b"transfer-encoding" for name, _ in self.headers)
        return b"chunked" in data[:_HEAD_BYTES].lower()

    def _mind_the_taking(self) -> None:
        """Run a timer exactly while the client has something to read."""
        waiting = self.transport.get_write_buffer_size()
        if waiting and not self._taking.runs:
            due = min(waiting + self._delivery.left, int(READ_SECONDS * READ_RATE))
            self._to_be_taken = self._written.bytes - waiting + due
            self._taking.run(READ_SECONDS)

    def _look_whether_taken(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting and self._written.bytes - waiting < self._to_be_taken:
            self._give_up()
        else:
            self._mind_the_taking()

    def _give_up(self) -> None:
        """Drop a client that does not read its answer."""
        self._untaken.hung_up += 1
        self.hang_up()

    def hang_up(self) -> None:
        """Abort the connection: closing it would wait for the client to read the rest."""
        self.transport.abort()
