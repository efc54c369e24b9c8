"""Sends answers in chunks, as fast as the client reads, after the computation is finished."""

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.service.http.limits.untaken import Untaken

PART_BYTES = 64 * 2**10
"""Bytes of an answer that are handed to a connection at a time, since it copies them."""


class Delivery:
    """Wraps the application for one connection.

    The long parts of an answer, and what follows them, are sent when the application has returned:
    a slow reader holds neither an admission nor a second copy.

    Parameters
    ----------
    app
        The application.
    untaken
        Counts answers that were made for one request; others, such as files, are shared.
    hang_up
        Aborts the connection.

    Attributes
    ----------
    left
        Bytes of the current body that were not yet handed to the connection.
    is_whole
        Whether the latest answer declared its length: it is then sent whole, not made while it is
        sent.
    """

    def __init__(self, app: Any, untaken: Untaken, hang_up: Callable[[], None]) -> None:
        self._app: ASGIApp = app
        self._untaken, self._hang_up = untaken, hang_up
        self.left = 0
        self.is_whole = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kept: list[Message] = []

        async def send_or_keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = (name.lower() for name, _ in message["headers"])
                self.is_whole = b"content-length" in names
            if kept or (_is_long(message, scope) and scope["method"] != "HEAD"):
                kept.append(message)
            else:
                await send(message)

        await self._app(scope, receive, send_or_keep)
        for message in kept:
            await self._deliver(message, scope, send)

    async def _deliver(self, message: Message, scope: Scope, send: Send) -> None:
        if "token" not in scope["state"]:
            await self._send_in_parts(message, send)
            return
        with self._untaken.entered(len(message["body"]), self._hang_up) as answer:
            await self._send_in_parts(message, send, answer.note_part)

    async def _send_in_parts(
        self, message: Message, send: Send, on_part: Callable[[], None] | None = None
    ) -> None:
        body, more = message["body"], message.get("more_body", False)
        for start in range(0, max(1, len(body)), PART_BYTES):
            end = start + PART_BYTES
            self.left = max(0, len(body) - end)
            # This waits until the client has read most of what was sent before.
            await send(_part(body[start:end], more=more or end < len(body)))
            if on_part is not None:
                on_part()


def _part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _is_long(message: Message, scope: Scope) -> bool:
    """Whether a message is long and complete: the last, or a line of a streamed result."""
    return (
        message["type"] == "http.response.body"
        and len(message.get("body", b"")) > PART_BYTES
        and ("token" in scope["state"] or not message.get("more_body", False))
    )
