"""Admission control: bounds how many requests compute and for how long; ends abandoned ones."""

import asyncio
import math
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.http.limits.uploads import Upload, Uploads
from lpel_serving.service.http.messages.problems import Problem

_SMOOTHING = 0.1
_MAX_RETRY_AFTER = 60


class Gate:
    """Counts the admitted requests.

    Attributes
    ----------
    most
        How many there may be.
    inside
        How many there are.
    refused
        How many were rejected so far.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0
        self.refused = 0
        self._mean_seconds = 0.5

    def enter(self) -> None:
        """Admit a request.

        Raises
        ------
        Problem
            If there is no room.
        """
        if self.is_full:
            raise self.refusal()
        self.inside += 1

    def leave(self, seconds: float) -> None:
        """Release a request that was admitted for so long."""
        self.inside -= 1
        self._mean_seconds += _SMOOTHING * (seconds - self._mean_seconds)

    @property
    def is_full(self) -> bool:
        """Whether there is no room."""
        return self.inside >= self.most

    def refusal(self) -> Problem:
        """Reject a request: count it, and make its answer."""
        self.refused += 1
        headers = {"Retry-After": str(self.retry_after)}
        detail = f"{self.most} requests are in progress, which is the limit."
        return Problem(503, f"{detail} Try again later.", headers=headers)

    @property
    def retry_after(self) -> int:
        """Seconds until about half of the admitted requests will be done, at least 1."""
        return min(_MAX_RETRY_AFTER, max(1, math.ceil(self._mean_seconds / 2)))


class Admission:
    """Middleware: admits a request that computes once its body is complete, or rejects it.

    It is rejected immediately if there is no room when its head arrives, and at its body's end if
    there is none by then. The token, in ``request.state.token``, is cancelled when the client
    disconnects or the time since admission is up.

    Parameters
    ----------
    app
        The application; it computes nothing for a request before its body is read to the end.
    gate
        Counts the admitted requests.
    uploads
        Whose body is on its way.
    seconds
        That a request may take.
    computes
        Whether a request, by its method and path, is one that computes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate,
        uploads: Uploads,
        seconds: float,
        computes: Callable[[str, str], bool],
    ) -> None:
        self.app = app
        self._gate = gate
        self._uploads = uploads
        self._seconds = seconds
        self._computes = computes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not self._computes(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
        elif self._gate.is_full:
            await self._gate.refusal().response(scope["path"])(scope, receive, send)
        else:
            await self._attend(scope, receive, send)

    async def _attend(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = scope.setdefault("state", {})["token"] = CancellationToken()
        visit = _Visit(self._gate, token, self._seconds)
        listener = _Listener(receive, send, self._uploads, visit)
        answer = asyncio.ensure_future(self.app(scope, listener.receive, listener.send))
        watch = asyncio.ensure_future(listener.watch())
        try:
            await asyncio.wait({answer, watch}, return_when=asyncio.FIRST_COMPLETED)
            if listener.gone:
                answer.cancel()
            await answer
        except asyncio.CancelledError:
            if not listener.gone:  # the server stops, and has waited for long enough
                listener.close()
                await answer
        finally:
            watch.cancel()
            listener.end()
            visit.end()


class _Visit:
    """A request's admission, from its start to its end, with its time limit."""

    def __init__(self, gate: Gate, token: CancellationToken, seconds: float) -> None:
        self.token = token
        self._gate, self._seconds = gate, seconds
        self._begun: float | None = None
        self._late: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Enter the gate, or raise `Problem`."""
        self._gate.enter()
        self._begun = time.monotonic()
        loop = asyncio.get_running_loop()
        self._late = loop.call_later(self._seconds, self.token.withdraw, "late")

    def end(self) -> None:
        """Leave, if it has entered."""
        self.token.withdraw("gone")
        if self._late is not None:
            self._late.cancel()
        if self._begun is not None:
            self._gate.leave(time.monotonic() - self._begun)


class _Listener:
    """Passes a request's body on, then waits for the client's disconnect.

    With its end the visit begins. Nothing is sent to a client that has gone, so that no part is
    mistaken for an answer.
    """

    def __init__(self, receive: Receive, send: Send, uploads: Uploads, visit: _Visit) -> None:
        self._receive, self._send = receive, send
        self._uploads = uploads
        self._upload: Upload | None = None  # until the body is read
        self._visit = visit
        self._read = asyncio.Event()
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        """ASGI's `receive`; raises `Problem` if the body is dropped, or there is no room."""
        if self._read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._upload = self._upload or self._uploads.begin()
        message = await self._uploads.receive(self._upload, self._receive)
        if message["type"] == "http.disconnect":
            self._read.set()
            self._leave()
        elif not message.get("more_body", False):
            self.end()
            self._visit.begin()
            self._read.set()
        return message

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if not self.gone:
            await self._send(message)

    async def watch(self) -> None:
        """Return when the client has disconnected."""
        await self._read.wait()
        while not self.gone:
            if (await self._receive())["type"] == "http.disconnect":
                self._leave()

    def close(self) -> None:
        """Stop waiting for the body and for the computation: the service stops."""
        self._visit.token.withdraw("closing")
        if self._upload is not None:
            self._uploads.drop(self._upload, "closing")

    def end(self) -> None:
        """End the upload of the body."""
        if self._upload is not None:
            self._uploads.end(self._upload)

    @property
    def gone(self) -> bool:
        """Whether the client has disconnected."""
        return self._gone.is_set()

    def _leave(self) -> None:
        self._gone.set()
        self._visit.token.withdraw("gone")
