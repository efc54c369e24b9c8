"""Running the service: listening, and stopping so that nobody's request is lost."""

import asyncio
import signal
import socket
from types import FrameType

import uvicorn

from lpel_serving.errors import OutputError
from lpel_serving.http.app import build_app
from lpel_serving.http.connection import CarefulProtocol
from lpel_serving.http.health import Health
from lpel_serving.http.observation import log, log_to_standard_error
from lpel_serving.http.settings import Settings
from lpel_serving.service.desk import Desk

BACKLOG = 256
_IDLE_SECONDS = 30
_HEAD_BYTES = 16 * 2**10


class _Server(uvicorn.Server):
    """Uvicorn's, which is not ready any more as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: finish what was admitted, take nothing new."""
        self._health.draining = True
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """Open the socket; port 0 takes one that is free.

    Raises
    ------
    OutputError
        If the address is taken, or none of this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.create_server(
            (str(address[0]), int(address[1])), family=family, backlog=BACKLOG
        )
        # Otherwise an answer on a connection that is kept waits 40 ms for a sign of its client.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot listen on {host}, port {port}: {reason}. Choose another with --port."
        ) from error
    return sock


def serve(desk: Desk, settings: Settings, sock: socket.socket) -> None:
    """Serve until told to stop (SIGTERM or Ctrl-C); return when the last request is answered.

    Parameters
    ----------
    desk
        Of the bundle that is served: see `lpel_serving.http.app.open_desk`.
    settings
        How the service is set up.
    sock
        Where it listens: see `listen`.
    """
    log_to_standard_error()
    health = Health()
    config = uvicorn.Config(
        build_app(desk, settings, health),
        http=CarefulProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=int(settings.limits.seconds),
    )
    server = _Server(config, health)
    # Uvicorn listens to signals a little later, and when it has stopped because of one it raises it
    # again for whoever listened before: having been told to stop, and having done so, is a success.
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        asyncio.run(server.serve(sockets=[sock]))
    finally:
        log("stopped")
        signal.signal(signal.SIGTERM, before)
