"""Clients that begin to send a body: some go on, some do not."""

import select
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from support.clients import HOST, Caller, about_pair, metrics, photograph

EXPLAIN = "/v1/explain"
KINDS = ("a length", "chunks", "half a body", "the protocol", "compressed")
"""Of requests that stop before their body is whole."""


def head(path: str, *headers: str) -> bytes:
    """The head of a request, without a word on its length."""
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {HOST}", *headers, "", ""]).encode()


def whole(number: int = 0, size: int = 16) -> bytes:
    """A request to explain a pair."""
    return about_pair(EXPLAIN, photograph(2 * number, size), photograph(2 * number + 1, size))


def parted(request: bytes) -> tuple[bytes, bytes]:
    """A request's head and its body."""
    first, blank, body = request.partition(b"\r\n\r\n")
    return first + blank, body


def unfinished(kind: str, number: int = 0) -> bytes:
    """A request whose body does not come, or not whole."""
    match kind:
        case "a length":
            return parted(whole(number))[0]
        case "chunks":
            boundary = "Content-Type: multipart/form-data; boundary=line"
            return head(EXPLAIN, boundary, "Transfer-Encoding: chunked") + b"8\r\n--line\r\n\r\n"
        case "half a body":
            return whole(number)[:-200]
        case "the protocol":
            return head("/v2/models/embedder/infer", "Content-Length: 900") + b'{"inputs": ['
        case _:
            gzip = ("Content-Encoding: gzip", "Content-Length: 900")
            return head("/v2/models/decoder/infer", *gzip) + b"\x1f\x8b\x08"


def under_way(port: int) -> float:
    return metrics(port)["lpel_uploads_under_way"]


def dropped(port: int, why: str) -> float:
    """How many uploads were dropped so far for a reason."""
    return metrics(port).get(f'lpel_uploads_dropped_total{{why="{why}"}}', 0)


def is_idle(port: int) -> bool:
    """Whether nobody is inside or on the way, and nothing is held for anybody."""
    now = metrics(port)
    names = ("lpel_uploads_under_way", "lpel_uploads_bytes", "lpel_requests_inside")
    return all(now[name] == 0 for name in names)


@contextmanager
def idle(port: int, n: int) -> Iterator[list[Caller]]:
    """Hold so many connections that began a body, of all kinds in turn, and do not go on."""
    with ExitStack() as stack:
        callers = [stack.enter_context(Caller(port)) for _ in range(n)]
        for number, caller in enumerate(callers):
            caller.send(unfinished(KINDS[number % len(KINDS)], number))
        yield callers


def send_in_pieces(caller: Caller, body: bytes, seconds: float, pieces: int = 40) -> None:
    """Send a body little by little, in about so many seconds."""
    size = -(-len(body) // pieces)
    for place in range(0, len(body), size):
        caller.send(body[place : place + size])
        time.sleep(seconds / pieces)


def hears(caller: Caller, seconds: float) -> bool:
    """Whether something comes within so many seconds."""
    return bool(select.select([caller._socket], [], [], seconds)[0])


def flood(port: int, n: int, size: int) -> Counter[int]:
    """Send so many bodies of that size at once, each until it is answered; count the statuses."""
    request = head(EXPLAIN, "Content-Type: application/json", f"Content-Length: {size}")
    piece = bytes(2**18)
    statuses: Counter[int] = Counter()
    with selectors.DefaultSelector() as waiting, ExitStack() as stack:
        for _ in range(n):
            sock = stack.enter_context(socket.create_connection((HOST, port)))
            sock.sendall(request)
            sock.setblocking(False)
            waiting.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, data=[size])
        while waiting.get_map():
            for key, events in waiting.select():
                sock, left = key.fileobj, key.data
                assert isinstance(sock, socket.socket)
                if events & selectors.EVENT_READ:
                    statuses[int(sock.recv(2**16)[9:12])] += 1
                    waiting.unregister(sock)
                    sock.close()
                elif left[0]:
                    left[0] -= sock.send(piece[: left[0]])
                else:
                    waiting.modify(sock, selectors.EVENT_READ, data=left)
    return statuses
