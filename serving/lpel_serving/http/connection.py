"""Connections that cannot be used to wear the server out: bounded in number, and in patience."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 512
HEAD_SECONDS = 10.0


class CarefulProtocol(H11Protocol):
    """Uvicorn's HTTP, which hangs up on whoever does not get a request's head out in time.

    Uvicorn itself waits for ever for the first request, and for the rest of one that has begun. The
    rest of a request that was answered before its end it reads and throws away, so that the answer
    is heard; that too has its time.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._mind_the_head()

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        super().data_received(data)
        self._mind_the_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        self._lose_patience_no_more()
        super().connection_lost(exc)

    def _mind_the_head(self) -> None:
        """Run a clock exactly while something is awaited that may never be complete.

        That is a request's head, or the end of one that was answered already.
        """
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if self.conn.their_state is not h11.IDLE and not answered:
            self._lose_patience_no_more()
        elif self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._hang_up)

    def _lose_patience_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
