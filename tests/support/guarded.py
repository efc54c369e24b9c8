"""Services with a key or friends, and requests that say who asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lpel_serving.service.http.settings import Settings
from support.clients import about_pair, ask, get, photograph
from support.service import started

KEY = "correct-horse-battery"
FRIEND = "https://friend.example"
FACES = (photograph(0), photograph(1))
VERIFY = about_pair("/v1/verify", *FACES)


@contextmanager
def serving(bundle: Path, **changes: Any) -> Iterator[int]:
    """Run a service while the context is open; yield its port once it is ready."""
    with started(Settings(bundle, **changes)) as running:
        ask(running.port, get("/readyz"))
        yield running.port


def with_headers(request: bytes, *headers: str) -> bytes:
    """Put headers into a request; its own host goes if they have one."""
    first, _, rest = request.partition(b"\r\n")
    if any(header.lower().startswith("host:") for header in headers):
        rest = rest.replace(b"Host: 127.0.0.1\r\n", b"")
    return b"\r\n".join([first, *(header.encode("latin-1") for header in headers), rest])


def options(path: str, *headers: str) -> bytes:
    return with_headers(get(path).replace(b"GET", b"OPTIONS", 1), *headers)
