"""Starting and stopping: a real `lpel serve`, and real signals."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException, IncompleteRead
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from lpel_serving.service.http.app import build_app, open_service
from lpel_serving.service.http.server import _Server
from lpel_serving.service.http.settings import Settings
from support import plugins, slow, tiny
from support.clients import HOST, Caller, about_pair, as_png, ask, get, photograph
from support.process import LPEL, served
from support.service import started

EXPLAIN, ASSESS = "/v1/explain", "/v1/assess"
STREAM = "Accept: application/x-ndjson"
TESTS = str(Path(__file__).parents[3])
KILLS = int(os.environ.get("LPEL_KILLS", "10"))
"""How often the service is stopped at a random moment; by hand, more often."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture(scope="module")
def slow_bundle(tmp_path_factory):
    """A bundle whose every inference takes some hundredths of a second."""
    folder = tmp_path_factory.mktemp("slow")
    return tiny.write_bundle(folder, embedder=slow.embedder(1000), responds=True)


def pair(number: int, *headers: str, path: str = EXPLAIN, **fields: str) -> bytes:
    return about_pair(path, photograph(2 * number), photograph(2 * number + 1), *headers, **fields)


@dataclass(eq=False)
class Asker:
    """A client that asks one thing after another until nobody answers any more."""

    port: int
    request: bytes
    whole: int = 0
    broken: list[Exception] = field(default_factory=list)

    def __call__(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with Caller(self.port) as caller:
                    self._ask(caller)

    def _ask(self, caller: Caller) -> None:
        while True:
            caller.send(self.request)
            try:
                response = caller.begin()
            except HTTPException as error:  # it hung up before it had heard
                raise ConnectionError from error
            try:
                body = response.read()
            except (IncompleteRead, OSError) as error:
                self.broken.append(error)
                return
            assert response.status == 200, body
            self.whole += 1
            if response.will_close:
                return


def stop_at_random(seed: int, bundle, folder) -> None:
    """Stop a service while it is asked for this and that: whoever is let in is answered."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    with served(bundle, folder) as process, ThreadPoolExecutor(4) as pool:
        slow.until(lambda: ask(process.port, get("/readyz")).status == 200)
        askers = [Asker(process.port, pair(number)) for number in range(3)]
        askers.append(Asker(process.port, pair(3, STREAM, path=ASSESS)))
        running = [pool.submit(asker) for asker in askers]
        time.sleep(rng.uniform(0, 0.4))
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, process.said
        for one in running:
            one.result(timeout=60)
    assert not any(asker.broken for asker in askers)
    logged = [line for line in process.logged("request") if line["route"] in {EXPLAIN, ASSESS}]
    assert {line["status"] for line in logged} <= {200}
    assert sum(asker.whole for asker in askers) == len(logged)
    assert "Traceback" not in process.said


def test_sigterm_at_any_moment_loses_no_request(service_bundle, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda seed: stop_at_random(seed, service_bundle, tmp_path / str(seed)),
                range(KILLS),
            )
        )


def test_sigterm_right_after_the_announcement(service_bundle, tmp_path):
    with served(service_bundle, tmp_path) as process:
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert process.logged("stopped")


def test_what_is_under_way_is_finished_and_nothing_new_is_taken(slow_bundle, tmp_path):
    with served(slow_bundle, tmp_path) as process, Caller(process.port) as caller:
        slow.until(lambda: ask(process.port, get("/readyz")).status == 200)
        caller.send(pair(0, STREAM, path=ASSESS))
        response = caller.begin()
        lines = [response.readline()]
        process.signal(signal.SIGTERM)
        slow.until(lambda: is_ready(process.port) is not True)
        slow.until(lambda: is_ready(process.port) is None)
        process.signal(signal.SIGTERM)  # once is enough
        lines += response.readlines()
        assert process.wait() == 0
    assert b'"progress"' in lines[0]
    assert lines[-1].startswith(b'{"result":')
    assert lines[-1].endswith(b"}\n")


def is_ready(port: int) -> bool | None:
    """What a new connection hears; None if there is none."""
    try:
        answer = ask(port, get("/readyz"))
    except (OSError, HTTPException):
        return None
    assert answer.status in {200, 503}
    return answer.status == 200


def test_it_is_not_ready_from_the_signal_on(service_bundle):
    with started(Settings(service_bundle)) as running:
        server = _Server(uvicorn.Config(build_app), running.health, lambda: None)
        assert is_ready(running.port) is True
        server.handle_exit(signal.SIGTERM, None)
        assert is_ready(running.port) is False


def test_answers_say_that_the_connection_ends(slow_bundle, tmp_path):
    with served(slow_bundle, tmp_path) as process, Caller(process.port) as caller:
        slow.until(lambda: ask(process.port, get("/readyz")).status == 200)
        caller.send(pair(0, method="occlusion"))
        slow.until(lambda: b"inside 1.0" in ask(process.port, get("/metrics")).body)
        process.signal(signal.SIGTERM)
        answer = caller.answer()
        assert process.wait() == 0
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


def test_a_deadline_ends_what_a_stopping_service_would_wait_for(
    service_bundle, tmp_path, monkeypatch
):
    plugins.install(tmp_path / "other", monkeypatch, {"dazzled": "Dazzled"})
    path = os.pathsep.join([str(tmp_path / "other"), TESTS, os.environ.get("PYTHONPATH", "")])
    bright = as_png(np.random.default_rng(0).integers(230, 256, (16, 16, 3), dtype=np.uint8))
    with (
        served(service_bundle, tmp_path, LPEL_SECONDS="2", PYTHONPATH=path) as process,
        Caller(process.port) as caller,
    ):
        slow.until(lambda: ask(process.port, get("/readyz")).status == 200)
        caller.send(about_pair(EXPLAIN, bright, bright, STREAM, method="dazzled"))
        response = caller.begin()
        process.signal(signal.SIGTERM)
        last = response.readlines()[-1]
        assert process.wait() == 0
    assert last.startswith(b'{"problem":')
    assert last.endswith(b"}\n")


def test_ctrl_c_says_that_it_was_interrupted(service_bundle, tmp_path):
    with served(service_bundle, tmp_path) as process:
        assert ask(process.port, pair(0)).status == 200
        process.signal(signal.SIGINT)
        assert process.wait() == 130
    assert process.said.endswith("lpel: interrupted.\n")
    assert "Traceback" not in process.said


def test_ctrl_c_twice_does_not_wait(slow_bundle, tmp_path):
    with served(slow_bundle, tmp_path) as process, Caller(process.port) as caller:
        slow.until(lambda: ask(process.port, get("/readyz")).status == 200)
        caller.send(pair(0, STREAM, path=ASSESS, draws="20", every="1"))
        response = caller.begin()
        response.readline()
        process.signal(signal.SIGINT)
        slow.until(lambda: is_ready(process.port) is None)
        process.signal(signal.SIGINT)
        last = response.readlines()[-1]
        assert process.wait() == 130
    assert last.startswith(b'{"problem":')
    assert b"is being shut down" in last
    assert last.endswith(b"}\n")
    assert "Traceback" not in process.said


def test_sigkill_leaves_nothing_on_disk(service_bundle, tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    before = sorted(service_bundle.iterdir())
    everywhere = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    everywhere["MPLCONFIGDIR"] = str(tmp_path)  # matplotlib keeps a list of fonts, of nobody's
    with served(service_bundle, work, **everywhere) as process:
        for path in (EXPLAIN, ASSESS):
            assert ask(process.port, pair(0, path=path)).status == 200
        with Caller(process.port) as caller:
            caller.send(pair(1, method="occlusion"))
            process.signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    assert sorted(service_bundle.iterdir()) == before
    assert list(home.iterdir()) == []
    assert list(work.iterdir()) == [process.errors]


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LPEL, "serve", *options], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_port_that_is_in_use(service_bundle):
    with started(Settings(service_bundle)) as running:
        done = run("--bundle", str(service_bundle), "--port", str(running.port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"lpel: cannot listen on {HOST}, port {running.port}: ")
    assert done.stderr.count("\n") == 1


def test_a_bad_bundle_is_told_of_before_anything_is_announced(service_bundle, tmp_path):
    for path in service_bundle.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
    done = run("--bundle", str(tmp_path), "--port", "0")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("lpel: ")
    assert done.stderr.count("\n") == 1


def test_nobody_can_connect_before_a_first_inference(service_bundle):
    settings = Settings(service_bundle)
    service = open_service(settings)
    with slow.held(service.explainer) as hold, started(settings, service, wait=False) as running:
        hold.wait_for(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, running.port), timeout=5)
        hold.let_go()
        slow.until(lambda: can_connect(running.port))
        assert is_ready(running.port) is True


def can_connect(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
