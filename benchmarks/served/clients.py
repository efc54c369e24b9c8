"""Clients that cost next to nothing: raw connections on loopback, and requests built in advance."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

HOST = "127.0.0.1"
BROKEN = 0
"""The status of an answer that never came."""
_BOUNDARY = "lpel-benchmark"


@dataclass(frozen=True)
class Answer:
    """One answer: its status, seconds from the request to its end, and its body."""

    status: int
    seconds: float
    body: bytes = b""


@dataclass(frozen=True)
class Load:
    """What clients were answered, and for how long they asked."""

    answers: tuple[Answer, ...]
    seconds: float

    def times(self, status: int) -> list[float]:
        """Seconds of the answers of one status."""
        return [one.seconds for one in self.answers if one.status == status]

    @property
    def rate(self) -> float:
        """Answers a second that were no refusals."""
        return len(self.times(200)) / self.seconds


def about_pair(path: str, reference: bytes, test: bytes, **fields: str) -> bytes:
    """A whole request of HTTP about two image files."""
    parts = [_part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    for name, data in (("reference", reference), ("test", test)):
        parts.append(_part(f'name="{name}"; filename="{name}.jpg"', data))
    body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


def _part(disposition: str, data: bytes) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class Connection:
    """A connection that is kept for request after request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> None:
        """Send a request; connect first if there is no connection."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port)
        self._writer.write(request)
        await self._writer.drain()

    async def ask(self, request: bytes) -> Answer:
        """Send a request, and read its answer."""
        begun = time.perf_counter()
        await self.send(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        return Answer(int(head[9:12]), time.perf_counter() - begun, body)

    def leave(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def ask_for(
    seconds: float, port: int, clients: int, requests: Iterator[bytes], pause: float = 0.0
) -> Load:
    """Let clients ask one thing after another for so long; the last answers are waited for.

    Those who are turned away ask again after that pause, or up to twice that.
    """
    rng = np.random.default_rng(0)
    answers: list[Answer] = []
    begun = time.perf_counter()

    async def client() -> None:
        connection = Connection(port)
        await asyncio.sleep(pause * rng.uniform())  # not all at once
        while time.perf_counter() - begun < seconds:
            try:
                answer = await connection.ask(next(requests))
            except (OSError, asyncio.IncompleteReadError):
                connection.leave()
                answer = Answer(BROKEN, 0.0)
            answers.append(Answer(answer.status, answer.seconds))
            if answer.status != 200:
                await asyncio.sleep(pause * rng.uniform(1, 2))
        connection.leave()

    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(tuple(answers), time.perf_counter() - begun)


async def ask_at_once(port: int, requests: list[bytes]) -> list[Answer]:
    """Let as many clients as there are requests ask at the same moment; they are connected."""
    connections = [Connection(port) for _ in requests]
    for connection in connections:
        await connection.ask(get("/livez"))
    answers = await asyncio.gather(
        *(one.ask(request) for one, request in zip(connections, requests, strict=True))
    )
    for connection in connections:
        connection.leave()
    return answers
