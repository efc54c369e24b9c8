"""A running service: the real application on a real socket, in a thread."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import uvicorn

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.app import build_app, open_service
from lpel_serving.service.http.routes.health import Health
from lpel_serving.service.http.server import configuration, take_address
from lpel_serving.service.http.settings import Settings
from support import slow
from support.clients import Caller, about_pair, photograph


@dataclass(eq=False)
class Running:
    """A service that is running: where, and what is behind it."""

    port: int
    service: ExplanationService
    health: Health


@contextmanager
def started(
    settings: Settings, service: ExplanationService | None = None, *, wait: bool = True
) -> Iterator[Running]:
    """Run a service in a thread while the context is open; wait until one can connect to it."""
    service = service or open_service(settings)
    health = Health()
    sock = take_address(settings.host, 0)
    config = configuration(build_app(service, settings, health), settings)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    thread.start()
    while wait and not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield Running(sock.getsockname()[1], service, health)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def occupied(running: Running) -> Iterator[slow.Hold]:
    """Hold the embedder, with a crop in each of the batcher's threads; then all are answered."""
    with ExitStack() as stack:
        hold = stack.enter_context(slow.held(running.service.explainer))
        callers: list[Caller] = []
        for number, _ in enumerate(running.service._batcher._threads, start=1):
            image = photograph(1_000_000 + number)
            callers.append(stack.enter_context(Caller(running.port)))
            callers[-1].send(about_pair("/v1/explain", image, image))
            hold.wait_for(number)
        yield hold
        hold.let_go()
        assert {caller.answer().status for caller in callers} == {200}
