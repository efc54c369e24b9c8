"""A web server on this machine that serves bytes by path and can misbehave."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CHUNK = 2**16


@dataclass(frozen=True)
class Page:
    """What a path answers.

    Attributes
    ----------
    content
        The body.
    status
        404, 503, …
    break_after
        Close the connection after so many bytes of the body, having promised all of them.
    gate_after, gate
        Call `gate` after so many bytes of the body: it may wait for something.
    """

    content: bytes = b""
    status: int = 200
    break_after: int | None = None
    gate_after: int = 0
    gate: Callable[[], object] | None = None


@dataclass
class Site:
    """A running server.

    Attributes
    ----------
    address
        Such as ``http://127.0.0.1:1234``.
    pages
        By path; to be changed at will while the server runs.
    requests
        The paths that were asked for.
    """

    address: str
    pages: dict[str, Page]
    requests: list[str] = field(default_factory=list)

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return self.requests.count(path)


@contextmanager
def serve(pages: dict[str, Page] | None = None) -> Iterator[Site]:
    """Serve pages on 127.0.0.1 while the context is open; other paths answer 404."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.site = Site(f"http://127.0.0.1:{server.server_port}", dict(pages or {}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def simple_index(project: str, archive: str, page: Page) -> dict[str, Page]:
    """The pages of a package index (PEP 503) below ``/simple/`` that holds one archive."""
    name = re.sub(r"[-_.]+", "-", project).lower()
    links = (
        f'<!DOCTYPE html><html><body><a href="../../files/{archive}">{archive}</a></body></html>'
    )
    root = f'<!DOCTYPE html><html><body><a href="{name}/">{name}</a></body></html>'
    return {
        "/simple/": Page(root.encode()),
        f"/simple/{name}/": Page(links.encode()),
        f"/files/{archive}": page,
    }


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site: Site = self.server.site
        site.requests.append(self.path)
        page = site.pages.get(self.path, Page(b"there is no such page", 404))
        kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
        self.send_response(page.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(page.content)))
        self.end_headers()
        try:
            self._send(page)
        except OSError:  # the other side hung up, which some tests want
            self.close_connection = True

    def _send(self, page: Page) -> None:
        if page.gate is not None:
            self.wfile.write(page.content[: page.gate_after])
            page.gate()
        start = page.gate_after if page.gate is not None else 0
        end = len(page.content) if page.break_after is None else page.break_after
        for offset in range(start, end, _CHUNK):
            self.wfile.write(page.content[offset : min(end, offset + _CHUNK)])
        if page.break_after is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
