"""A running service: the real application on a real socket, in a thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from lpel_serving.http.app import build_app, open_desk
from lpel_serving.http.connection import CarefulProtocol
from lpel_serving.http.health import Health
from lpel_serving.http.server import listen
from lpel_serving.http.settings import Settings
from lpel_serving.service.desk import Desk


@dataclass(eq=False)
class Running:
    """A service that is running: where, and what is behind it."""

    port: int
    desk: Desk
    health: Health


@contextmanager
def started(settings: Settings, desk: Desk | None = None) -> Iterator[Running]:
    """Run a service in a thread while the context is open, though it may not be ready yet."""
    desk = desk or open_desk(settings)
    health = Health()
    sock = listen(settings.host, 0)
    config = uvicorn.Config(
        build_app(desk, settings, health),
        http=CarefulProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    try:
        yield Running(sock.getsockname()[1], desk, health)
    finally:
        server.should_exit = True
        thread.join()
