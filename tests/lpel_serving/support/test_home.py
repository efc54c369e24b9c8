"""A user without a home, or with one that cannot be written, as in a container."""

import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import httpx
import pytest
from PIL import Image

from support.http import closed_port
from support.images import pixels, write_people
from support.process import LPEL, served
from support.stranger import UID, as_stranger, environment, need_stranger

PYTHON = str(Path(LPEL).with_name("python"))
HOMES = {
    "no home": None,
    "an empty name": "",
    "the root folder": "/",
    "a folder that is not there": "/nonexistent",
}


@pytest.fixture(scope="module")
def readable(responding_bundle):
    """A folder that everybody may read, unlike pytest's own, with a bundle and faces in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(responding_bundle, folder / "bundle")
        write_people(folder / "faces", people=3, each=2)
        yield folder


@pytest.fixture
def here(readable):
    """A folder of the stranger's, which nothing is left behind in, nor beside it."""
    need_stranger()
    before = temporary()
    with tempfile.TemporaryDirectory(dir=readable) as name:
        yield Path(name)
    assert temporary() <= before


def temporary() -> set[Path]:
    """What the stranger's libraries leave where everybody may write."""
    places = {Path(tempfile.gettempdir()), Path("/tmp")}  # noqa: S108 - Keras', whatever is set
    kinds = ("lpel-*", "matplotlib-*", ".keras")
    found = {path for place in places for kind in kinds for path in place.glob(kind)}
    return {path for path in found if path.stat().st_uid == UID}


@pytest.mark.parametrize(
    ("command", "home"),
    [
        *(("weights", home) for home in HOMES.values()),
        *((command, home) for command in ("train", "demo", "reproduce") for home in (None, "")),
    ],
)
def test_without_a_place_for_the_cache_there_is_a_sentence(command, home, readable, here):
    faces = ["--faces", str(readable / "faces"), "--out", "out"]
    words = {"weights": [], "train": faces, "demo": ["--out", "out"], "reproduce": faces}
    said = as_stranger([LPEL, command, *words[command]], here, HOME=home)
    assert said.returncode == 2, said.stderr
    assert "Traceback" not in said.stderr
    *_, last = said.stderr.splitlines()
    assert last.startswith("lpel: ")
    assert "--cache" in last
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("place", ["~/x", "x"])
def test_a_cache_that_is_no_whole_path_is_no_place_either(place, here):
    said = as_stranger([LPEL, "weights"], here, XDG_CACHE_HOME=place)
    assert (said.returncode, said.stdout) == (2, ""), said.stderr
    assert said.stderr.startswith("lpel: there is no home folder to keep the cache in")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("home", [None, ""])
def test_pip_runs_without_a_home(home, here):
    nowhere = f"http://127.0.0.1:{closed_port()}/simple"
    said = as_stranger(
        [LPEL, "weights", "--cache", "cache"],
        here,
        HOME=home,
        PIP_INDEX_URL=nowhere,
        PIP_RETRIES="0",
    )
    assert said.returncode == 2
    assert "pip cannot fetch" in said.stderr
    assert "home" not in said.stderr


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)
def test_an_explanation_is_made_and_nothing_else_is_left(home, readable, here):
    pictures = sorted(map(str, readable.glob("faces/*/*.png")))[:2]
    bundle = str(readable / "bundle")
    command = [LPEL, "explain", "--bundle", bundle, *pictures, "--out", "made"]
    said = as_stranger(command, here, HOME=home)
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    assert list(here.iterdir()) == [here / "made"]
    assert (here / "made" / "explanation.png").exists()


KERAS = """
from lpel_tf.support.quiet import load_tensorflow
load_tensorflow()
import keras
print(keras.config.floatx())
"""


@pytest.mark.parametrize("home", [None, "", "/nonexistent"])
def test_keras_leaves_no_folder(home, here):
    said = as_stranger([PYTHON, "-c", KERAS], here, HOME=home)
    assert (said.stdout, said.stderr) == ("float32\n", "")
    assert list(here.iterdir()) == []


def figure(port: int, folder: Path) -> bytes:
    """Ask the service for a figure of a pair."""
    files = {}
    for seed, role in enumerate(("reference", "test")):
        Image.fromarray(pixels(seed)).save(folder / f"{role}.png")
        files[role] = (folder / f"{role}.png").read_bytes()
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/explain",
        files=files,
        headers={"Accept": "image/png"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("home", ["/nonexistent", "/proc", "~"])
def test_the_log_of_the_service_holds_nothing_but_json(
    home, responding_bundle, tmp_path, monkeypatch
):
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    with served(responding_bundle, tmp_path, HOME=home) as process:
        assert figure(process.port, tmp_path).startswith(b"\x89PNG")
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    lines = [json.loads(line) for line in process.said.splitlines()]
    assert {"request", "stopped"} <= {line["event"] for line in lines}
    assert "/proc" not in process.said
    assert "/nonexistent" not in process.said


NOISE = """
import logging, os, subprocess, sys, threading, warnings
from lpel_serving.service.http.observation import log, logging_as_json
from lpel_serving.support.quiet import silenced

class Unraisable:
    def __del__(self):
        raise ValueError("secret")

def fail():
    raise KeyError("secret")

with silenced() as stream, logging_as_json(stream):
    logging.getLogger("matplotlib.font_manager").warning("a path: %s", "/secret")
    warnings.warn("secret")
    os.write(2, b"secret of a library of C\\n")
    print("secret", file=sys.stderr)
    subprocess.run(["sh", "-c", "echo secret >&2"], check=True)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Unraisable()
    log("ended")
print("plain again", file=sys.stderr)
"""


def test_whatever_libraries_say_becomes_json_or_nothing():
    program = [PYTHON, "-c", NOISE]
    done = subprocess.run(program, check=True, capture_output=True, text=True, env=environment())
    *lines, last = done.stderr.splitlines()
    assert last == "plain again"
    told = [json.loads(line) for line in lines]
    assert [line["event"] for line in told] == [
        "a library logged",
        "a library warned",
        "a thread ended in an error",
        "an error could not be raised",
        "ended",
    ]
    assert told[0]["library"] == "matplotlib"
    assert [line.get("error") for line in told[2:]] == ["KeyError", "ValueError", None]
    assert "secret" not in done.stderr
