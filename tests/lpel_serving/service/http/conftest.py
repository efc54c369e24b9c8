"""A running service, and a client of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.settings import Settings
from support import tiny
from support.confidence import confidence
from support.service import started


@dataclass(eq=False)
class Service:
    """A service that is running: where, and the service behind it."""

    address: str
    service: ExplanationService
    settings: Settings
    client: httpx.Client


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Run a service in a thread while the context is open."""
    with started(settings) as one:
        address = f"http://{settings.host}:{one.port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            yield Service(address, one.service, settings, client)


@pytest.fixture(scope="session")
def service_bundle(tmp_path_factory):
    """A tiny bundle with everything: response decoder and confidence. Not to be changed."""
    folder = tmp_path_factory.mktemp("service") / "bundle"
    return tiny.write_bundle(folder, responds=True, confidence=confidence())


@pytest.fixture(scope="module")
def service(service_bundle) -> Iterator[Service]:
    with running(Settings(service_bundle)) as one:
        yield one
