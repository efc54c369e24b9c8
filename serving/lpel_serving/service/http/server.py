"""Runs the service: listens, and shuts down without losing admitted requests."""

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
"""Seconds for unsent answers at shutdown, after all requests are answered or too late."""
_HEAD_BYTES = 16 * 2**10
_CLOSE = (b"connection", b"close")


class _Server(uvicorn.Server):
    """Uvicorn's server; not ready once shutdown begins."""

    def __init__(
        self, config: uvicorn.Config, health: Health, announce: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._health = health
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Warm up, listen, and say so."""
        await super().startup(sockets)
        # Objects that exist by now stay: the garbage collector need not check them again.
        gc.collect()
        gc.freeze()
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin shutdown: finish admitted requests, admit no new ones."""
        self._health.draining = True
        self._end_connections()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down when all admitted requests are answered."""
        self._end_connections()  # again: uvicorn renews these headers every second
        await super().shutdown(sockets)
        unfinished = set(self.server_state.tasks)
        if self.force_exit:  # a second signal: uvicorn exits immediately
            for task in unfinished:
                task.cancel()
            await self.lifespan.shutdown()
        if unfinished:
            await asyncio.wait(unfinished, timeout=_ANSWER_SECONDS)

    def _end_connections(self) -> None:
        """Add `Connection: close` to answers, so that no client reuses a connection that ends."""
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(_CLOSE)


def take_address(host: str, port: int) -> socket.socket:
    """Bind a socket, which does not listen yet; port 0 takes one that is free.

    Raises
    ------
    OutputError
        If the address is in use, or not one of this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            sock = undo.enter_context(socket.socket(family, kind))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Otherwise an answer on a kept connection waits 40 ms for an acknowledgement.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Otherwise it buffers megabytes for a slow client, and then accepts nothing for long.
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
    """Serve until SIGTERM or Ctrl-C; return when the last request is answered.

    Parameters
    ----------
    service
        The bundle's service: see `lpel_serving.service.http.app.open_service`.
    settings
        The settings of the service.
    sock
        The socket to listen on: see `take_address`.
    announce
        Called when it is ready and listens.

    Raises
    ------
    ParameterError
        If the settings name missing files.
    """
    give_back_large_blocks()
    health = Health()
    with silenced() as stream, logging_as_json(stream):  # libraries' prints are not log lines
        config = configuration(build_app(service, settings, health), settings)
        server = _Server(config, health, announce)
        # Uvicorn installs its signal handlers later, and after stopping on a signal raises it again
        # for earlier handlers: a shutdown on request is a success.
        before = signal.signal(signal.SIGTERM, server.handle_exit)
        try:
            asyncio.run(server.serve(sockets=[sock]))
        finally:
            log("stopped")
            signal.signal(signal.SIGTERM, before)


def configuration(app: Starlette, settings: Settings) -> uvicorn.Config:
    """Configure uvicorn: with limits on connections, and without access logs."""
    protocol = partial(CarefulProtocol, untaken=app.state.untaken)
    return uvicorn.Config(
        app,
        http=cast("type[CarefulProtocol]", protocol),  # only called by uvicorn
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
