"""Making requests that no polite client sends, as bytes."""

import base64
import json
from collections.abc import Callable
from typing import Any

from support.clients import HOST, photograph

FACES = {"reference": photograph(0), "test": photograph(1)}
TEXTS = {name: base64.b64encode(data).decode() for name, data in FACES.items()}
LINE = "a-line-of-its-own"
VERIFY, EXPLAIN, ASSESS = "/v1/verify", "/v1/explain", "/v1/assess"
FORM_TYPE = f"Content-Type: multipart/form-data; boundary={LINE}"
JSON_TYPE = "Content-Type: application/json"
CLOSE = "Connection: close"

Hostile = tuple[Callable[[], bytes], tuple[int, ...]]
"""What makes a request, and the statuses that may answer it."""
HUNG_UP = 0
"""In place of a status."""


def raw(first: str, *headers: str, body: bytes = b"", length: str | None = None) -> bytes:
    """A request; headers are sent as they stand, in latin-1."""
    lengths = [] if length == "" else [f"Content-Length: {length or len(body)}"]
    lines = [first, f"Host: {HOST}", *lengths, *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def get(path: str, *headers: str) -> bytes:
    return raw(f"GET {path} HTTP/1.1", *headers, CLOSE, length="")


def post(body: bytes, *headers: str, path: str = EXPLAIN, length: str | None = None) -> bytes:
    return raw(f"POST {path} HTTP/1.1", *headers, body=body, length=length)


def part(data: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([f"--{LINE}".encode(), *headers, b"", data, b""])


def file(name: str, data: bytes, filename: bytes = b"x") -> bytes:
    disposition = b'Content-Disposition: form-data; name="%b"; filename="%b"'
    return part(data, disposition % (name.encode(), filename))


def text(name: str, data: bytes) -> bytes:
    return part(data, b'Content-Disposition: form-data; name="%b"' % name.encode())


BOTH = file("reference", FACES["reference"]) + file("test", FACES["test"])
END = f"--{LINE}--\r\n".encode()
WHOLE = BOTH + END


def form(*parts: bytes, kind: str = FORM_TYPE, end: bytes = END) -> bytes:
    return post(b"".join(parts) + end, kind)


def document(**fields: Any) -> bytes:
    return post(json.dumps(TEXTS | fields).encode(), JSON_TYPE)


def members(more: str) -> bytes:
    """JSON of the two images and what else is to stand in the object, as it is."""
    inner = json.dumps(TEXTS)[1:-1]
    return post(f"{{{inner}, {more}}}".encode(), JSON_TYPE)
