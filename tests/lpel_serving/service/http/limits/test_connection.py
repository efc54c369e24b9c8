"""Connections that would wear the server out, if it let them."""

import contextlib
import socket
import time

import httpx
import pytest

from lpel_serving.service.http.limits import connection
from lpel_serving.service.http.settings import Settings
from support import slow
from support.service import started

SECONDS = 20


@pytest.fixture(scope="module")
def port(service_bundle):
    with started(Settings(service_bundle)) as running:
        httpx.get(f"http://127.0.0.1:{running.port}/readyz", timeout=SECONDS)
        yield running.port


def connect(port: int, receives: int | None = None) -> socket.socket:
    sock = socket.socket()
    if receives is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    sock.settimeout(SECONDS)
    sock.connect(("127.0.0.1", port))
    return sock


def hung_up_on(sock: socket.socket) -> bool:
    """Wait until the server has hung up, throwing away what it sent before."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if not sock.recv(2**16):
                return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
    return False


def send_for_ever(sock: socket.socket, data: bytes) -> None:
    while True:
        sock.sendall(data)


def lives(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=SECONDS).status_code == 200


def test_a_client_that_asks_and_never_reads_is_hung_up_on(port, monkeypatch):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.5)
    with connect(port, receives=4096) as sock:
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400)
        time.sleep(2)
        # A reset takes away what was sent and not read; a closed connection would still give it.
        assert hung_up_on(sock)
    assert lives(port)


def test_a_client_that_reads_slowly_gets_all_of_its_answer(port, monkeypatch):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.5)
    with connect(port, receives=4096) as sock:
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := sock.recv(2048):
            answer += part
            time.sleep(0.05)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    assert len(body) == length


def test_a_body_in_chunks_of_one_byte_is_hung_up_on(port):
    with connect(port) as sock:
        sock.sendall(
            b"POST /v1/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_for_ever(sock, b"1\r\n \r\n" * 4000)
    assert lives(port)


def test_a_body_in_chunks_of_some_size_is_taken(port):
    body = b'{"reference": "' + b"A" * 40_000 + b'", "test": ""}'
    parts = (body[place : place + 500] for place in range(0, len(body), 500))
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/verify",
        content=parts,
        headers={"Content-Type": "application/json"},
        timeout=SECONDS,
    )
    assert answer.status_code == 422


def test_there_is_an_end_to_how_many_connections_are_taken(port, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 8)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connect(port)) for _ in range(12)]
        for sock in waiting:
            sock.settimeout(0.02)
        refused = set()

        def are_refused() -> bool:
            refused.update(sock for sock in waiting if sock not in refused and hung_up_on(sock))
            return len(refused) >= 4

        slow.until(are_refused)
    assert lives(port)


def test_idle_connections_as_many_as_are_taken_keep_nobody_out(port, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 8)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(8)]
        for _ in range(3):
            assert lives(port)
        time.sleep(0.2)
        idle[-1].settimeout(0.5)
        assert not hung_up_on(idle[-1])
        assert hung_up_on(idle[0])
