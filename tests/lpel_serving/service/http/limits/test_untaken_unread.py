"""Answers that nobody reads: bounded in all and in time, and no trouble to those who read."""

import json
import socket
import time
from contextlib import ExitStack, closing

import numpy as np
import pytest

from lpel_serving.service.http.limits import connection
from lpel_serving.service.http.settings import Limits, Settings
from support import slow, tiny
from support.clients import HOST, Caller, about_pair, ask, get, metrics, photograph, post
from support.confidence import confidence
from support.hostile import put
from support.service import started

PAIRS = 16
INFER = "/v2/models/explainer/infer"
SECONDS = 20
KEPT = 2
FILE_BYTES = 2 * 2**20
IN_MEMORY, ON_DISK = "/runtime/ort-wasm-simd-threaded.wasm", "/models/explainer.onnx"


def large_model() -> bytes:
    model = tiny.embedder_model()
    model.doc_string = np.random.default_rng(1).bytes(FILE_BYTES // 2).hex()
    return model.SerializeToString()


FILE = large_model()


def explain(seed: int, *headers: str) -> bytes:
    """A request for the maps of a few pairs, as bytes, whose answer is JSON of a megabyte."""
    shape = (PAIRS, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3)
    crops = np.random.default_rng(seed).integers(0, 256, (2, *shape), np.uint8)
    inputs = [
        {
            "name": name,
            "datatype": "UINT8",
            "shape": shape,
            "parameters": {"binary_data_size": crops[0].nbytes},
        }
        for name in ("reference", "test")
    ]
    text = json.dumps({"inputs": inputs}).encode()
    length = f"Inference-Header-Content-Length: {len(text)}"
    return post(INFER, text + crops.tobytes(), length, *headers)


@pytest.fixture(scope="module")
def answer(service_bundle):
    """What is answered, to be compared with."""
    with started(Settings(service_bundle)) as running:
        found = ask(running.port, explain(0))
    assert found.status == 200
    assert len(found.body) > 900_000
    return found.body


@pytest.fixture(scope="module")
def running(answer, tmp_path_factory):
    """A service that keeps a few untaken answers, and has a large file that is everybody's."""
    runtime = tmp_path_factory.mktemp("runtime")
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        (runtime / name).write_bytes(FILE)
    bundle = tiny.write_bundle(
        tmp_path_factory.mktemp("with") / "bundle", responds=True, confidence=confidence()
    )
    put(bundle, "explainer.onnx", FILE)
    limits = Limits(untaken_bytes=KEPT * len(answer) + len(answer) // 2)
    settings = Settings(bundle, limits=limits, web_runtime=runtime)
    with started(settings) as one:
        ask(one.port, get("/readyz"))
        yield one


def asking(port: int, request: bytes, receives: int = 4096) -> socket.socket:
    """A connection that asked, and takes hardly anything by itself."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    sock.settimeout(SECONDS)
    sock.connect((HOST, port))
    sock.sendall(request)
    return sock


def body_of(answered: bytes) -> bytes:
    return answered.partition(b"\r\n\r\n")[2]


def read_all(sock: socket.socket, part: int = 2**16, pause: float = 0) -> bytes:
    """Read to the end, or to a reset."""
    found = b""
    try:
        while got := sock.recv(part):
            found += got
            time.sleep(pause)
    except ConnectionResetError:
        pass
    return found


def untaken(running) -> float:
    return metrics(running.port)["lpel_untaken_bytes"]


def hung_up(running) -> float:
    return metrics(running.port)["lpel_readers_hung_up_total"]


def ask_without_reading(stack: ExitStack, running, number: int) -> list[socket.socket]:
    """Ask so many times, each when the one before it is answered and waits to be taken."""
    found = []
    for _ in range(number):
        before = hung_up(running), untaken(running)
        found.append(stack.enter_context(asking(running.port, explain(0, "Connection: close"))))
        slow.until(lambda before=before: (hung_up(running), untaken(running)) != before)
    return found


def test_what_nobody_takes_is_bounded_in_all_and_holds_no_place(running, answer):
    before = hung_up(running)
    with ExitStack() as stack:
        socks = ask_without_reading(stack, running, 3 * KEPT)
        assert untaken(running) == KEPT * len(answer)
        assert hung_up(running) - before == 2 * KEPT
        assert metrics(running.port)["lpel_requests_inside"] == 0
        answered = [body_of(read_all(sock)) for sock in socks]
    assert all(len(body) < len(answer) for body in answered[: 2 * KEPT])
    assert answered[2 * KEPT :] == [answer] * KEPT
    slow.until(lambda: untaken(running) == 0)


def test_who_reads_slowly_keeps_its_answer_while_others_read_nothing(running, answer):
    request = explain(0, "Connection: close")
    with ExitStack() as stack:
        reader = stack.enter_context(asking(running.port, request, receives=2**15))
        found = reader.recv(2**15)
        while len(found) < len(answer) / 2:
            found += reader.recv(2**15)
        ask_without_reading(stack, running, 2 * KEPT)
        found += read_all(reader)
    assert body_of(found) == answer
    slow.until(lambda: untaken(running) == 0)


def test_others_are_answered_while_many_read_nothing(running, answer):
    with ExitStack() as stack:
        ask_without_reading(stack, running, 2 * KEPT)
        assert ask(running.port, explain(0)).body == answer
    slow.until(lambda: untaken(running) == 0)


@pytest.mark.parametrize("path", [INFER, IN_MEMORY, ON_DISK])
def test_a_trickle_is_no_reading(running, monkeypatch, path):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.4)
    before = hung_up(running)
    request = explain(0) if path == INFER else get(path)
    with asking(running.port, request) as sock, closing(sock):
        begun = time.monotonic()
        while hung_up(running) == before:
            assert time.monotonic() - begun < SECONDS
            sock.recv(200)  # with a pause, 4 kB a second
            time.sleep(0.05)
    slow.until(lambda: untaken(running) == 0)


def test_the_end_of_an_answer_is_awaited_no_longer_on_a_connection_that_ends(
    running, answer, monkeypatch
):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.4)
    before = hung_up(running)
    with asking(running.port, explain(0, "Connection: close")) as sock:
        # All but what the buffers on the way hold, of which the last of them is the service's.
        left = 20_000
        taken = 0
        while taken < len(answer) - 2**17 - left:
            taken += len(sock.recv(4096))
        slow.until(lambda: hung_up(running) == before + 1)
    slow.until(lambda: untaken(running) == 0)


@pytest.mark.parametrize("path", [IN_MEMORY, ON_DISK])
def test_files_that_are_the_same_for_all_are_not_counted_and_come_whole(running, monkeypatch, path):
    """A phone that takes its time over a large file gets it, whatever else waits."""
    monkeypatch.setattr(connection, "READ_SECONDS", 0.5)
    request = get(path)[:-2] + b"Connection: close\r\n\r\n"
    with asking(running.port, request, receives=2**16) as sock:
        first = sock.recv(1)
        assert untaken(running) == 0
        answered = body_of(first + read_all(sock, 2**15, 0.01))
    assert answered == FILE


@pytest.mark.parametrize("path", [INFER, IN_MEMORY, ON_DISK])
def test_an_answer_that_has_begun_comes_whole_though_the_client_has_said_its_last_word(
    running, answer, path
):
    request = explain(0) if path == INFER else get(path)
    with asking(running.port, request) as sock:
        first = sock.recv(100)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        body = body_of(first + read_all(sock))
    assert body == (answer if path == INFER else FILE)
    slow.until(lambda: untaken(running) == 0)


def test_long_answers_one_after_the_other_on_one_connection(running, answer):
    with Caller(running.port) as caller:
        caller.send(explain(0) + get("/livez") + explain(0))
        assert caller.answer().body == answer
        assert caller.answer().body == b"alive\n"
        assert caller.answer().body == answer
        assert caller.ask(explain(0)).body == answer
    slow.until(lambda: untaken(running) == 0)


def test_a_long_answer_s_head_alone(running):
    head = get(IN_MEMORY).replace(b"GET", b"HEAD")
    with asking(running.port, head + get("/livez")) as sock:
        sock.shutdown(socket.SHUT_WR)
        found = read_all(sock)
    assert f"content-length: {len(FILE)}".encode() in found.lower()
    assert found.count(b"HTTP/1.1 200") >= 1
    assert len(found) < 2000


def test_lines_that_come_seldom_are_no_slow_reading(running, monkeypatch):
    """Who waits for lines that are far apart takes little, because there is little."""
    monkeypatch.setattr(connection, "READ_SECONDS", 0.05)
    before = hung_up(running)
    request = about_pair(
        "/v1/assess", photograph(0), photograph(1), "Accept: application/x-ndjson", draws="20"
    )
    with slow.held(running.service.explainer) as hold, Caller(running.port) as caller:
        caller.send(request)
        for batches in (1, 2, 3, 4):
            hold.let_go(batches)
            time.sleep(0.2)
        hold.let_go()
        lines = caller.answer().lines
    assert "result" in lines[-1]
    assert hung_up(running) == before


def test_a_client_that_leaves_with_its_answer_untaken_leaves_nothing(running):
    with ExitStack() as stack:
        ask_without_reading(stack, running, 2)
        assert untaken(running) > 0
    slow.until(lambda: untaken(running) == 0)
