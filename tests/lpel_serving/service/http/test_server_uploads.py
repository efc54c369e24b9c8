"""Stopping while bodies are on their way: who sends is heard, and nobody else is waited for."""

import os
import signal
import socket
from contextlib import ExitStack

import pytest

from lpel_serving.service.http.settings import Limits, Settings
from support import slow
from support.clients import HOST, Caller, ask, get, metrics
from support.process import served
from support.service import started
from support.uploads import (
    KINDS,
    hears,
    idle,
    parted,
    send_in_pieces,
    under_way,
    unfinished,
    whole,
)

signals = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
ENDS = {signal.SIGTERM: 0, signal.SIGINT: 130}


def takes_connections(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=60).close()
    except OSError:
        return False
    return True


def check_closed(answer) -> None:
    assert answer.status == 503
    assert answer.headers["connection"].startswith("close")
    assert int(answer.headers["retry-after"]) >= 1
    assert "shut down" in answer.body.decode()


@signals
@pytest.mark.parametrize("number", ENDS)
def test_stalled_bodies_are_not_waited_for(service_bundle, tmp_path, number):
    with served(service_bundle, tmp_path) as process, idle(process.port, len(KINDS)) as callers:
        slow.until(lambda: under_way(process.port) == len(KINDS))
        process.signal(number)
        answers = [caller.answer() for caller in callers]
        assert process.wait() == ENDS[number]
    for answer in answers:
        check_closed(answer)
    assert "Traceback" not in process.said


@signals
def test_a_body_that_comes_meanwhile_is_answered(service_bundle, tmp_path):
    with (
        served(service_bundle, tmp_path) as process,
        Caller(process.port) as stalled,
        Caller(process.port) as caller,
    ):
        stalled.send(unfinished("half a body"))
        first, body = parted(whole(size=64))
        caller.send(first)
        slow.until(lambda: under_way(process.port) == 2)
        process.signal(signal.SIGTERM)
        send_in_pieces(caller, body, 1.5)
        answer = caller.answer()
        check_closed(stalled.answer())
        assert process.wait() == 0
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


@signals
def test_ctrl_c_twice_waits_for_no_body(service_bundle, tmp_path):
    with served(service_bundle, tmp_path) as process, Caller(process.port) as caller:
        caller.send(unfinished("half a body"))
        slow.until(lambda: under_way(process.port) == 1)
        process.signal(signal.SIGINT)
        slow.until(lambda: not takes_connections(process.port))  # it has heard the first
        process.signal(signal.SIGINT)
        check_closed(caller.answer())
        assert process.wait() == 130
    assert "Traceback" not in process.said


def test_a_body_that_goes_on_coming_has_an_end(service_bundle):
    limits = Limits(stall_seconds=3.0, drain_seconds=0.6)
    with started(Settings(service_bundle, limits=limits)) as running, ExitStack() as stack:
        ask(running.port, get("/readyz"))
        caller = stack.enter_context(Caller(running.port))
        first, body = parted(whole(size=256))
        caller.send(first)
        slow.until(lambda: under_way(running.port) == 1)
        running.health.draining = True  # as the signal has it
        for place in range(0, len(body) - 1000, 500):
            caller.send(body[place : place + 500])
            if hears(caller, 0.02):
                break
        check_closed(caller.answer())
        assert metrics(running.port)["lpel_requests_inside"] == 0
