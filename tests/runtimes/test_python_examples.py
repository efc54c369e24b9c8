"""The examples in Python, on their own: no engine of ours, no word to anybody."""

import socket
import sys

import numpy as np
import pytest

from runtimes.conftest import EXAMPLES, play_alone
from runtimes.scene import assert_near, assert_same_bytes
from support.http import closed_port

ENGINES = ("onnxruntime", "openvino", "opencv", "reference")
SETTABLE = ("onnxruntime", "openvino", "reference")
METHODS = ("surrogate", "responses", "lpel", "lpel-mended")
REAL = pytest.mark.weights
TRIPWIRE = """
import os, sys

def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"}:
        with open(os.environ["SOCKETS_SEEN"], "a") as seen:
            print(event, arguments[1:], file=seen)

sys.addaudithook(watch)
"""
"""Python imports a module of this name when it starts, in each process that it forks too."""


@pytest.fixture
def play(tmp_path):
    """Run a program, in a folder and with a home of its own; return what it saved and printed."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(TRIPWIRE)
    seen = tmp_path / "sockets"
    settings = {
        "PYTHONPATH": str(tmp_path / "watch"),
        "SOCKETS_SEEN": str(seen),
    }

    def run(*command):
        command = [sys.executable, "-W", "error", *command]
        printed = play_alone(command, tmp_path, tmp_path / "home", settings)
        assert not seen.exists(), seen.read_text()
        with np.load(tmp_path / "explanation.npz") as arrays:
            return dict(arrays), printed.splitlines()

    return run


def program(engine):
    return EXAMPLES / engine / "explain.py"


def lines(expected):
    decisions = np.where(expected["similar"], "similar", "dissimilar")
    pairs = zip(expected["similarity"], decisions, strict=True)
    return [f"similarity {similarity:.4f}: {decision}" for similarity, decision in pairs]


@pytest.mark.parametrize("pairs", [1, 6])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scene", ["tiny", pytest.param("real", marks=REAL)], indirect=True)
def test_onnxruntime_gives_the_bytes_of_the_engine(scene, method, pairs, play):
    found, printed = play(program("onnxruntime"), scene.file(method), *scene.pictures(pairs))
    expected = scene.expected(method, pairs)
    if method == "lpel-mended":  # its isometric decoder is rounded to float32 in the file
        assert_near(found, expected, within=1e-6)
    else:
        assert_same_bytes(found, expected)
    assert printed == lines(expected)


@pytest.mark.parametrize(("method", "pairs"), [("responses", 1), *((name, 6) for name in METHODS)])
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_engine_agrees_on_the_tiny_networks(engine, tiny_scene, method, pairs, play):
    found, printed = play(program(engine), tiny_scene.file(method), *tiny_scene.pictures(pairs))
    expected = tiny_scene.expected(method, pairs)
    if pairs > 1:
        assert set(expected["similar"]) == {True, False}
    assert_near(found, expected)
    assert printed == lines(expected)


@pytest.mark.weights
@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize(("engine", "pairs"), [("openvino", 6), ("opencv", 6), ("reference", 1)])
def test_every_engine_agrees_on_facenet(engine, pairs, real_scene, method, play):
    found, _ = play(program(engine), real_scene.file(method), *real_scene.pictures(pairs))
    assert_near(found, real_scene.expected(method, pairs))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", SETTABLE)
def test_threshold_and_epsilon_can_be_set(engine, tiny_scene, method, play):
    pictures = tiny_scene.pictures(6)
    words = (tiny_scene.file(method), *pictures, "threshold=0.9", "epsilon=0.4")
    found, _ = play(program(engine), *words)
    expected = tiny_scene.expected(method, 6, threshold=0.9, epsilon=0.4)
    assert (expected["similar"] != tiny_scene.expected(method, 6)["similar"]).any()
    if engine == "onnxruntime" and method != "lpel-mended":
        assert_same_bytes(found, expected)
    else:
        assert_near(found, expected, epsilon=0.4)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_heeds_what_must_be_fed(engine, tiny_scene, play):
    file = tiny_scene.file("surrogate", defaults=False)
    found, _ = play(program(engine), file, *tiny_scene.pictures(6), "threshold=0.9", "epsilon=0.4")
    expected = tiny_scene.expected("surrogate", 6, threshold=0.9, epsilon=0.4)
    assert_near(found, expected, epsilon=0.4)


@pytest.mark.weights
def test_threshold_and_epsilon_can_be_set_on_facenet(real_scene, play):
    words = (real_scene.file("surrogate"), *real_scene.pictures(6), "threshold=0.9", "epsilon=0.4")
    found, _ = play(program("onnxruntime"), *words)
    assert_same_bytes(found, real_scene.expected("surrogate", 6, threshold=0.9, epsilon=0.4))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_programs_know_nothing_of_this_package(engine):
    assert "lpel" not in program(engine).read_text(encoding="utf-8")


def test_the_tripwire_sees_a_connection(play, tmp_path):
    port = closed_port()
    attempt = f"import socket; socket.socket().connect_ex(('127.0.0.1', {port}))"
    with pytest.raises(AssertionError, match=r"socket\.connect"):
        play("-W", "ignore", "-c", attempt)


def test_every_word_of_the_tripwire_is_an_audit_event_of_python():
    seen = []
    sys.addaudithook(lambda event, _: event.startswith("socket.") and seen.append(event))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect_ex(("127.0.0.1", closed_port()))
    assert "socket.connect" in seen
