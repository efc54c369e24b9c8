"""Running the service: listening, and stopping so that nobody's request is lost."""

import asyncio
import contextlib
import gc
import math
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from starlette.applications import Starlette

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.app import build_app
from lpel_serving.service.http.limits.connection import CarefulProtocol
from lpel_serving.service.http.limits.delivery import PART_BYTES
from lpel_serving.service.http.limits.memory import give_back_large_blocks
from lpel_serving.service.http.observation import log, logging_as_json
from lpel_serving.service.http.routes.health import Health
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import OutputError
from lpel_serving.support.quiet import silenced

BACKLOG = 256
_IDLE_SECONDS = 30
_ANSWER_SECONDS = 5
"""For answers to get out, when all that was asked has been answered or is too late."""
_HEAD_BYTES = 16 * 2**10
_CLOSE = (b"connection", b"close")


class _Server(uvicorn.Server):
    """Uvicorn's, which is not ready any more as soon as it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, health: Health, announce: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._health = health
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Warm up, listen, and say so."""
        await super().startup(sockets)
        # What is there by now stays, and need not be looked through for garbage again and again.
        gc.collect()
        gc.freeze()
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: finish what was admitted, take nothing new."""
        self._health.draining = True
        self._end_connections()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, when all that was admitted is answered."""
        self._end_connections()  # once more: uvicorn makes these headers anew every second
        await super().shutdown(sockets)
        unfinished = set(self.server_state.tasks)
        if self.force_exit:  # told twice not to wait; uvicorn leaves everything as it is
            for task in unfinished:
                task.cancel()
            await self.lifespan.shutdown()
        if unfinished:
            await asyncio.wait(unfinished, timeout=_ANSWER_SECONDS)

    def _end_connections(self) -> None:
        """Let answers say that their connection ends, so that nobody asks on it in vain."""
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(_CLOSE)


def take_address(host: str, port: int) -> socket.socket:
    """Bind a socket, on which nobody can connect yet; port 0 takes one that is free.

    Raises
    ------
    OutputError
        If the address is taken, or none of this machine's.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            sock = undo.enter_context(socket.socket(family, kind))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Otherwise an answer on a connection that is kept waits 40 ms for a sign of its client.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Otherwise it takes megabytes that wait for a slow client, and then nothing for long.
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, PART_BYTES)
            sock.bind(address)
            undo.pop_all()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot listen on {host}, port {port}: {reason}. Choose another with --port."
        ) from error
    return sock


def serve(
    service: ExplanationService,
    settings: Settings,
    sock: socket.socket,
    announce: Callable[[], object],
) -> None:
    """Serve until told to stop (SIGTERM or Ctrl-C); return when the last request is answered.

    Parameters
    ----------
    service
        Of the bundle that is served: see `lpel_serving.service.http.app.open_service`.
    settings
        How the service is set up.
    sock
        Where it listens: see `take_address`.
    announce
        Called when it is ready, and can be connected to.

    Raises
    ------
    ParameterError
        If the settings name files that are not there.
    """
    give_back_large_blocks()
    health = Health()
    with silenced() as stream, logging_as_json(stream):  # what libraries print is no line of a log
        config = configuration(build_app(service, settings, health), settings)
        server = _Server(config, health, announce)
        # Uvicorn listens to signals a little later, and when it has stopped because of one it
        # raises it again for whoever listened before: having been told to stop, and having done so,
        # is a success.
        before = signal.signal(signal.SIGTERM, server.handle_exit)
        try:
            asyncio.run(server.serve(sockets=[sock]))
        finally:
            log("stopped")
            signal.signal(signal.SIGTERM, before)


def configuration(app: Starlette, settings: Settings) -> uvicorn.Config:
    """Set uvicorn up: careful with connections, silent about what goes through them."""
    protocol = partial(CarefulProtocol, untaken=app.state.untaken)
    return uvicorn.Config(
        app,
        http=cast("type[CarefulProtocol]", protocol),  # uvicorn calls it, and nothing else
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.limits.seconds) + _ANSWER_SECONDS,
    )
