"""`lpel serve` as a user starts it: what it prints, what it refuses, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from support import command
from support.command import lpel, lpel_process
from support.images import pixels
from support.process import LPEL
from support.tiny import IMAGE_SIZE

KEY = "a-key-of-sixteen-characters-or-more"


def refused(*arguments: object, **environment: str) -> str:
    """Check that the server does not start, and return the sentence that it says instead."""
    done = lpel("serve", *arguments, **environment)
    command.refused(done)
    return done.stderr


@contextmanager
def started(*arguments: object, **environment: str):
    """Start the server on a free port; yield its process and its address."""
    server = subprocess.Popen(
        [LPEL, "serve", "--port", "0", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        line = server.stdout.readline()
        yield server, re.search(r"http://\S+", line).group()
    finally:
        server.kill()
        server.communicate(timeout=60)


def ended(server: subprocess.Popen, number: int) -> tuple[int, str]:
    """Send a signal; return the exit status and the log."""
    server.send_signal(number)
    _, log = server.communicate(timeout=60)
    return server.returncode, log


def images(tmp_path) -> dict[str, bytes]:
    from PIL import Image

    files = {}
    for seed, role in enumerate(("reference", "test")):
        path = tmp_path / f"{role}.png"
        Image.fromarray(pixels(seed, IMAGE_SIZE)).save(path)
        files[role] = path.read_bytes()
    return files


def test_it_prints_where_it_is_answers_and_stops_when_it_is_told_to(responding_bundle, tmp_path):
    with started("--bundle", responding_bundle) as (server, address):
        with httpx.Client(base_url=address, timeout=60) as client:
            assert client.get("/readyz").text == "ready\n"
            answer = client.post("/v1/explain", files=images(tmp_path))
        assert answer.status_code == 200
        assert "server" not in answer.headers
        status, log = ended(server, signal.SIGTERM)
    assert status == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert [one["route"] for one in events if one["event"] == "request"] == [
        "/readyz",
        "/v1/explain",
    ]
    assert events[-1]["event"] == "stopped"


def test_an_interrupt_ends_it_without_a_traceback(responding_bundle):
    with started("--bundle", responding_bundle) as (server, address):
        httpx.get(f"{address}readyz", timeout=60)
        status, log = ended(server, signal.SIGINT)
    assert status == 130
    assert "Traceback" not in log
    assert log.splitlines()[-1] == "lpel: interrupted."


def test_its_settings_may_come_from_the_environment(responding_bundle):
    settings = {
        "LPEL_BUNDLE": str(responding_bundle),
        "LPEL_HOST": "127.0.0.1",
        "LPEL_API_KEY": KEY,
    }
    with started(**settings) as (_, address):
        assert httpx.get(f"{address}v1/methods", timeout=60).status_code == 401
        headers = {"Authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{address}v1/methods", headers=headers, timeout=60).status_code == 200


def test_other_machines_are_let_in_with_a_key_alone(responding_bundle):
    said = refused("--bundle", responding_bundle, "--host", "0.0.0.0", LPEL_API_KEY="")  # noqa: S104
    assert "LPEL_API_KEY" in said
    said = refused("--bundle", responding_bundle, LPEL_API_KEY="short")
    assert "16 characters" in said


def test_a_port_that_is_taken_is_said_to_be(responding_bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lpel_process("serve", "--bundle", responding_bundle, "--port", port)
    command.refused(done, str(port))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--bundle", "nowhere"), "not a bundle"),
        (("--samples", "nowhere"), "samples"),
        (("--crop", "haircut"), "no crop is called"),
        (("--allow-crop", "2"), "share from 0.01 to 1"),
        (("--provider", "abacus"), "no provider is called"),
        (("--origin", "example.org/page"), "origin"),
        (("--web-runtime", "nowhere"), "onnxruntime-web"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, word, responding_bundle):
    chosen = (
        arguments if arguments[0] == "--bundle" else ("--bundle", responding_bundle, *arguments)
    )
    assert word in refused(*chosen)
