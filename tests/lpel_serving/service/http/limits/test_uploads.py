"""Bodies on their way: those that do not come keep nobody out, and nothing of them stays."""

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lpel_serving.service.http.settings import Limits, Settings
from support import slow
from support.clients import Caller, ask, ask_at_once, get, metrics, post
from support.process import served
from support.service import started
from support.uploads import (
    EXPLAIN,
    KINDS,
    dropped,
    flood,
    head,
    hears,
    idle,
    is_idle,
    parted,
    send_in_pieces,
    under_way,
    unfinished,
    whole,
)

MIB = 2**20
NEVER = 600.0
"""Seconds in which nothing is dropped while a test runs."""
KEY = "an-api-key-of-some-length"
EXPECTS = "Expect: 100-continue"


@contextmanager
def serving(bundle, key=None, **limits):
    settings = Settings(bundle, api_key=key, cache_bytes=0, limits=Limits(**limits))
    with started(settings) as running:
        ask(running.port, get("/readyz"))
        yield running


@pytest.fixture(scope="module")
def patient(service_bundle):
    """A service that drops nothing for its slowness."""
    with serving(service_bundle, stall_seconds=NEVER, body_seconds=NEVER) as running:
        yield running.port


@pytest.fixture(scope="module")
def impatient(service_bundle):
    """A service that drops what stops for half a second."""
    with serving(service_bundle, stall_seconds=0.5) as running:
        yield running.port


def test_idle_uploads_keep_nobody_out(patient):
    before = dropped(patient, "crowded")
    with idle(patient, 100):
        slow.until(lambda: under_way(patient) == Limits.uploads)
        slow.until(lambda: dropped(patient, "crowded") == before + 100 - Limits.uploads)
        answers = ask_at_once(patient, [whole(number) for number in range(8)])
        assert [answer.status for answer in answers] == [200] * 8
        assert metrics(patient)["lpel_requests_inside"] == 0
        assert under_way(patient) >= Limits.uploads - 8  # they were there all the time
    slow.until(lambda: is_idle(patient))


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_stops_is_dropped(impatient, kind):
    before = dropped(impatient, "stalled")
    with Caller(impatient) as caller:
        begun = time.monotonic()
        answer = caller.ask(unfinished(kind))
        assert time.monotonic() - begun > 0.4
        assert answer.status == 408
        assert "1,024 bytes a second" in answer.body.decode()
        assert answer.headers["connection"] == "close"
        assert caller._socket.recv(10) == b""
    assert dropped(impatient, "stalled") == before + 1
    assert is_idle(impatient)


def test_a_body_that_trickles_is_dropped(impatient):
    with Caller(impatient) as caller:
        caller.send(unfinished("a length"))
        for _ in range(100):
            caller.send(b"a")
            if hears(caller, 0.1):
                break
        assert caller.answer().status == 408
    assert is_idle(impatient)


def test_a_body_that_comes_slowly_is_waited_for(service_bundle):
    with serving(service_bundle, stall_seconds=1.5, upload_rate=100) as running:
        first, body = parted(whole(size=64))
        with Caller(running.port) as caller:
            caller.send(first)
            send_in_pieces(caller, body, 2.0)
            assert caller.answer().status == 200


def test_however_fast_a_body_comes_there_is_an_end(service_bundle):
    with serving(service_bundle, stall_seconds=0.5, body_seconds=0.5) as running:
        with Caller(running.port) as caller:
            caller.send(head(EXPLAIN, "Content-Type: application/json", f"Content-Length: {MIB}"))
            for _ in range(100):
                caller.send(bytes(2000))
                if hears(caller, 0.02):
                    break
            answer = caller.answer()
        assert answer.status == 408
        assert "0.5 seconds" in answer.json["detail"]
        assert dropped(running.port, "late") == 1


def test_clients_that_leave_in_the_middle_leave_nothing(patient):
    for _ in range(3):
        with idle(patient, 20) as callers:
            slow.until(lambda: under_way(patient) == 20)
            assert metrics(patient)["lpel_uploads_bytes"] > 0
            for caller in callers[::2]:
                caller.leave()
            slow.until(lambda: under_way(patient) == 10)
        slow.until(lambda: is_idle(patient))


def test_a_request_has_its_whole_time_once_its_body_is_there(service_bundle):
    with serving(service_bundle, seconds=2.5) as running, Caller(running.port) as caller:
        first, body = parted(whole(size=64))
        caller.send(first)
        send_in_pieces(caller, body, 3.0)
        assert caller.answer().status == 200


def test_many_bodies_that_end_at_once_are_let_in_or_turned_away(service_bundle):
    patience = {"admitted": 2, "stall_seconds": NEVER}
    with serving(service_bundle, **patience) as running, ExitStack() as stack:
        port = running.port
        requests = [whole(number) for number in range(10)]
        callers = [stack.enter_context(Caller(port)) for _ in requests]
        for caller, request in zip(callers, requests, strict=True):
            caller.send(request[:-100])
        slow.until(lambda: under_way(port) == 10)
        with slow.held(running.service.explainer):
            for caller, request in zip(callers, requests, strict=True):
                caller.send(request[-100:])
            slow.until(lambda: metrics(port)["lpel_requests_refused_total"] == 8)
            assert metrics(port)["lpel_requests_inside"] == 2
            slow.until(lambda: sum(hears(caller, 0) for caller in callers) == 8)
            refused = [caller for caller in callers if hears(caller, 0)]
            answers = [caller.answer() for caller in refused]
            assert [answer.status for answer in answers] == [503] * 8
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        inside = [caller for caller in callers if caller not in refused]
        assert [caller.answer().status for caller in inside] == [200, 200]
        assert [caller.ask(whole(99)).status for caller in callers[:3]] == [200] * 3
        assert is_idle(port)


class TestRoom:
    """A body may have 1 MiB; there is room for four of them."""

    @pytest.fixture
    def port(self, service_bundle):
        limits = {"stall_seconds": 6.0, "body_seconds": NEVER, "upload_rate": 1}
        with serving(service_bundle, request_bytes=MIB, full_uploads=4, **limits) as running:
            yield running.port

    def begun(self, port: int, stack: ExitStack, n: int, size: int) -> list[Caller]:
        """So many bodies of 1 MiB, of which that much was sent."""
        callers = [stack.enter_context(Caller(port)) for _ in range(n)]
        for caller in callers:
            caller.send(head(EXPLAIN, "Content-Type: application/json", f"Content-Length: {MIB}"))
            caller.send(bytes(size))
        return callers

    def test_it_is_never_exceeded_and_those_who_hold_much_go(self, port):
        with ExitStack() as stack:
            holders = self.begun(port, stack, 16, MIB - 1)
            slow.until(lambda: dropped(port, "crowded") == 12)
            now = metrics(port)
            assert now["lpel_uploads_bytes"] <= 4 * MIB
            assert now["lpel_uploads_under_way"] == 4
            slow.until(lambda: sum(hears(caller, 0) for caller in holders) == 12)
            refused = [caller for caller in holders if hears(caller, 0)]
            answers = [caller.answer() for caller in refused]
            assert [answer.status for answer in answers] == [503] * 12
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
            assert ask(port, whole()).status == 200
            refused[0].send(b" ")  # the rest is thrown away, and the next request is heard
            assert refused[0].ask(whole()).status == 200
        slow.until(lambda: is_idle(port))

    def test_who_stopped_goes_and_who_sends_is_heard(self, port):
        with ExitStack() as stack:
            holders = self.begun(port, stack, 4, MIB - MIB // 8)
            slow.until(lambda: metrics(port)["lpel_uploads_bytes"] == 4 * (MIB - MIB // 8))
            time.sleep(2)  # the last 1.2 seconds count
            large = post(EXPLAIN, b"[" + bytes(MIB - 1), "Content-Type: application/json")
            assert ask(port, large).status == 400  # it came whole, and is no JSON
            assert [hears(caller, 0) for caller in holders].count(True) == 1
            assert dropped(port, "crowded") == 1

    def test_those_with_little_are_not_the_ones_that_go(self, port):
        with ExitStack() as stack:
            small = self.begun(port, stack, 8, 1000)
            self.begun(port, stack, 8, MIB - 1)
            slow.until(lambda: dropped(port, "crowded") >= 4)
            assert not any(hears(caller, 0) for caller in small)


def test_of_too_many_bodies_the_idle_ones_go(service_bundle):
    with serving(service_bundle, uploads=4, stall_seconds=NEVER) as running, ExitStack() as stack:
        port = running.port
        callers = []
        for number in range(6):
            callers.append(stack.enter_context(Caller(port)))
            callers[-1].send(unfinished("a length"))
            slow.until(lambda n=number: under_way(port) == min(n + 1, 4))
        slow.until(lambda: dropped(port, "crowded") == 2)
        slow.until(lambda: hears(callers[0], 0) and hears(callers[1], 0))
        assert [hears(caller, 0) for caller in callers] == [True] * 2 + [False] * 4
        assert callers[0].answer().status == 503
        assert ask(port, whole()).status == 200


class TestExpectation:
    """`Expect: 100-continue`: the body comes only if it is wanted."""

    def asked(self, caller: Caller, *headers: str) -> None:
        first, _ = parted(whole())
        caller.send(first[:-2] + "\r\n".join([EXPECTS, *headers, "", ""]).encode())

    def test_an_expected_body_that_is_wanted(self, patient):
        _, body = parted(whole())
        with Caller(patient) as caller:
            self.asked(caller)
            assert caller._reader.peek().startswith(b"HTTP/1.1 100 ")
            answer = caller.ask(body)
            assert answer.status == 200
            assert "connection" not in answer.headers
            assert caller.ask(whole()).status == 200

    def test_an_expected_body_that_does_not_come(self, impatient):
        with Caller(impatient) as caller:
            self.asked(caller)
            assert caller.answer().status == 408

    def check_refused(self, caller: Caller, status: int) -> None:
        assert not caller._reader.peek().startswith(b"HTTP/1.1 100 ")
        answer = caller.answer()
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert caller._socket.recv(10) == b""

    def test_an_expected_body_for_which_there_is_no_room(self, service_bundle):
        with (
            serving(service_bundle, admitted=1) as running,
            slow.held(running.service.explainer),
            Caller(running.port) as inside,
            Caller(running.port) as caller,
        ):
            inside.send(whole())
            slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == 1)
            self.asked(caller)
            self.check_refused(caller, 503)

    def test_an_expected_body_of_a_stranger(self, service_bundle):
        with serving(service_bundle, KEY) as running, Caller(running.port) as caller:
            self.asked(caller)
            self.check_refused(caller, 401)

    def test_an_expected_body_that_is_too_large(self, service_bundle):
        with serving(service_bundle, request_bytes=100) as one, Caller(one.port) as caller:
            self.asked(caller)
            self.check_refused(caller, 413)


def test_strangers_upload_nothing(service_bundle):
    with serving(service_bundle, KEY, stall_seconds=NEVER) as running, ExitStack() as stack:
        for number, kind in enumerate(KINDS):
            caller = stack.enter_context(Caller(running.port))
            assert caller.ask(unfinished(kind, number)).status == 401
        asked = get("/metrics").replace(b"\r\n\r\n", f"\r\nX-API-Key: {KEY}\r\n\r\n".encode())
        assert b"\nlpel_uploads_under_way 0.0\n" in ask(running.port, asked).body


def test_one_after_another_on_the_same_connection(impatient):
    with Caller(impatient) as caller:
        caller.send(whole(0) + whole(1) + unfinished("half a body"))
        assert [caller.answer().status for _ in range(3)] == [200, 200, 408]
    assert is_idle(impatient)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for memory")
def test_two_hundred_of_the_largest_bodies_at_once_take_bounded_memory(service_bundle, tmp_path):
    with served(service_bundle, tmp_path) as process:
        assert ask(process.port, whole()).status == 200
        before = process.mebibytes("VmRSS")
        statuses = flood(process.port, 200, 16 * MIB)
        most = process.mebibytes("VmHWM")
        assert set(statuses) == {400, 503}  # what came whole is no JSON
        assert sum(statuses.values()) == 200
        assert most - before < 700  # those on their way have 128, and those inside may have 512
        assert ask(process.port, whole(1)).status == 200
        slow.until(lambda: is_idle(process.port))


def test_a_poor_connection_is_time_enough_for_the_largest_body():
    limits = Limits()
    assert limits.body_seconds * 50_000 > limits.request_bytes
