"""Clients on bare sockets, which can do what the polite ones never do."""

import io
import json
import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from support.images import pixels

HOST = "127.0.0.1"
_BOUNDARY = "a-line-of-its-own"


@dataclass(frozen=True)
class Answer:
    """A whole answer; the names of its headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """Of NDJSON."""
        return [json.loads(line) for line in self.body.splitlines()]


class _Reader(io.BufferedReader):
    """Reads a connection, and keeps what has come beyond the end of an answer for the next one."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(socket.SocketIO(connection, "r"))

    def makefile(self, mode: str) -> "_Reader":
        """Stand in for the socket of an answer."""
        return self

    def close(self) -> None:
        """Stay open: an answer's end is not the connection's."""


class Caller:
    """One connection."""

    def __init__(self, port: int, timeout: float = 60) -> None:
        self._socket = socket.create_connection((HOST, port), timeout)
        self._reader = _Reader(self._socket)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def begin(self) -> HTTPResponse:
        """Wait for the head of an answer."""
        response = HTTPResponse(self._reader)
        response.begin()
        return response

    def answer(self) -> Answer:
        """Wait for a whole answer; raises an OSError or an HTTPException if it breaks off."""
        response = self.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.answer()

    def leave(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


def photograph(seed: int, size: int = 16) -> bytes:
    """A PNG of noise."""
    return as_png(pixels(seed, size))


def as_png(picture: np.ndarray) -> bytes:
    """A picture, uint8, shape (H, W, 3), as a file."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def about_pair(path: str, first: bytes, second: bytes, *headers: str, **fields: str) -> bytes:
    """A request with two images, as a form."""
    parts = [_part(f'name="{name}"', value.encode()) for name, value in fields.items()]
    for name, data in (("reference", first), ("test", second)):
        parts.append(_part(f'name="{name}"; filename="x"', data))
    body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
    return post(path, body, f"Content-Type: multipart/form-data; boundary={_BOUNDARY}", *headers)


def _part(disposition: str, data: bytes) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + data + b"\r\n"


def ask(port: int, request: bytes) -> Answer:
    """Ask on a connection of its own."""
    with Caller(port) as caller:
        return caller.ask(request)


def ask_at_once(port: int, requests: Sequence[bytes]) -> list[Answer]:
    """Ask for many things at the same time, each on a connection of its own."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: ask(port, request), requests))


def metrics(port: int) -> dict[str, float]:
    """The numbers of `/metrics`, by name and labels as they stand there."""
    text = ask(port, get("/metrics")).body.decode()
    found = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}
