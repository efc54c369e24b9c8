"""A running service: the real application on a real socket, in a thread."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from lpel_serving.http.app import build_app, open_desk
from lpel_serving.http.connection import CarefulProtocol
from lpel_serving.http.health import Health
from lpel_serving.http.server import take_address
from lpel_serving.http.settings import Settings
from lpel_serving.service.desk import Desk
from support import tiny
from support.confidence import confidence


@dataclass(eq=False)
class Service:
    """A service that is running: where, and the desk behind it."""

    address: str
    desk: Desk
    settings: Settings
    client: httpx.Client


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Run a service in a thread while the context is open."""
    desk = open_desk(settings)
    sock = take_address(settings.host, 0)
    address = f"http://{settings.host}:{sock.getsockname()[1]}"
    config = uvicorn.Config(
        build_app(desk, settings, Health()),
        http=CarefulProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    while not server.started and thread.is_alive():  # nobody can connect before that
        time.sleep(0.005)
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            client.get("/readyz").raise_for_status()
            yield Service(address, desk, settings, client)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def service_bundle(tmp_path_factory):
    """A tiny bundle with everything: response decoder and confidence. Not to be changed."""
    folder = tmp_path_factory.mktemp("service") / "bundle"
    return tiny.write_bundle(folder, responds=True, confidence=confidence())


@pytest.fixture(scope="module")
def service(service_bundle) -> Iterator[Service]:
    with running(Settings(service_bundle)) as one:
        yield one
