"""Who is let in to ask for computing, and for how long: bounded, and never for nobody."""

import asyncio
import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.http.problems import Problem
from lpel_serving.service.ticket import Ticket

_SMOOTHING = 0.1
_MAX_RETRY_AFTER = 60


class Gate:
    """Counts the requests that are inside.

    Attributes
    ----------
    most
        How many there may be.
    inside
        How many there are.
    refused
        How many were turned away so far.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0
        self.refused = 0
        self._mean_seconds = 0.5

    def enter(self) -> bool:
        """Let a request in, if there is room."""
        if self.inside >= self.most:
            self.refused += 1
            return False
        self.inside += 1
        return True

    def leave(self, seconds: float) -> None:
        """Let a request out that was inside for so long."""
        self.inside -= 1
        self._mean_seconds += _SMOOTHING * (seconds - self._mean_seconds)

    @property
    def retry_after(self) -> int:
        """Seconds until about half of those inside will have left, at least 1."""
        return min(_MAX_RETRY_AFTER, max(1, math.ceil(self._mean_seconds / 2)))


class Admission:
    """Middleware: gives a request that computes a ticket, or turns it away at once.

    The ticket, in ``request.state.ticket``, lapses when the client goes away or the time is up.

    Parameters
    ----------
    app
        What is asked.
    gate
        Who is inside.
    seconds
        That a request may take.
    computes
        Whether a request, by its method and path, is one that computes.
    """

    def __init__(
        self, app: ASGIApp, *, gate: Gate, seconds: float, computes: Callable[[str, str], bool]
    ) -> None:
        self.app = app
        self._gate = gate
        self._seconds = seconds
        self._computes = computes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not self._computes(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
            return
        if not self._gate.enter():
            await self._turn_away(scope["path"])(scope, receive, send)
            return
        begun = time.monotonic()
        try:
            await self._attend(scope, receive, send)
        finally:
            self._gate.leave(time.monotonic() - begun)

    def _turn_away(self, path: str) -> ASGIApp:
        headers = {"Retry-After": str(self._gate.retry_after)}
        detail = f"{self._gate.most} requests are inside already, which is as many as are let in."
        return Problem(503, f"{detail} Try again later.", headers=headers).response(path)

    async def _attend(self, scope: Scope, receive: Receive, send: Send) -> None:
        ticket = scope.setdefault("state", {})["ticket"] = Ticket()
        listener = _Listener(receive, send, ticket)
        late = asyncio.get_running_loop().call_later(self._seconds, ticket.withdraw, "late")
        answer = asyncio.ensure_future(self.app(scope, listener.receive, listener.send))
        watch = asyncio.ensure_future(listener.watch())
        try:
            await asyncio.wait({answer, watch}, return_when=asyncio.FIRST_COMPLETED)
            if listener.gone:
                answer.cancel()
            await answer
        except asyncio.CancelledError:
            if not listener.gone:  # the server stops, and has waited for long enough
                ticket.withdraw("closing")
                await answer
        finally:
            late.cancel()
            watch.cancel()
            ticket.withdraw("gone")


class _Listener:
    """Hands a request's body on, and from its end on waits for the client to go away.

    Nothing is sent to a client that has gone, so that nobody takes what was for an answer.
    """

    def __init__(self, receive: Receive, send: Send, ticket: Ticket) -> None:
        self._receive, self._send = receive, send
        self._ticket = ticket
        self._read = asyncio.Event()
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        """As ASGI has it."""
        if self._read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._read.set()
        if message["type"] == "http.disconnect":
            self._leave()
        return message

    async def send(self, message: Message) -> None:
        """As ASGI has it."""
        if not self.gone:
            await self._send(message)

    async def watch(self) -> None:
        """Return when the client has gone away."""
        await self._read.wait()
        while not self.gone:
            if (await self._receive())["type"] == "http.disconnect":
                self._leave()

    @property
    def gone(self) -> bool:
        """Whether the client has gone away."""
        return self._gone.is_set()

    def _leave(self) -> None:
        self._gone.set()
        self._ticket.withdraw("gone")
