"""Nothing of a face stays: in no log, number, header, or file that the real process writes."""

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from support import tiny
from support.clients import Caller, about_pair
from support.image_parts import chunk, with_chunks
from support.images import pixels
from support.process import Process, served
from support.slow import until

NAME = "Quintessence"
FILE = f"{NAME}-at-home.png"

ROUTES = {
    *("/livez", "/readyz", "/metrics", "/openapi.json", "/", "/page/main.js", "other"),
    *("/v1/explain", "/v1/verify", "/v1/assess", "/v1/about", "/v1/methods", "/v2"),
}
KEYS = {"time", "level", "event", "request_id", "method", "route", "status", "milliseconds"}


def named(picture: np.ndarray) -> bytes:
    """A PNG that says whom it shows."""
    said = PngInfo()
    said.add_text("Author", NAME)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


CROPS = {"reference": pixels(41), "test": pixels(42)}
FACES = {role: named(crop) for role, crop in CROPS.items()}
TEXTS = {role: base64.b64encode(data).decode() for role, data in FACES.items()}
FILES = {role: (FILE, data, "image/png") for role, data in FACES.items()}
BROKEN = (
    NAME.encode(),
    FACES["test"][:-40],
    f"P6 {NAME} 9 255 ".encode(),
    f"P3 9 9 255 {NAME}".encode(),
    with_chunks(FACES["test"], chunk(b"eXIf", NAME.encode())),
    with_chunks(FACES["test"], chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x00\x01\2\0\xff\xff\0\0abcd")),
    with_chunks(FACES["test"], chunk(b"iCCP", NAME.encode() + b"\0\0no zlib")),
)


def canaries() -> Iterator[bytes]:
    """What must be found nowhere: names, pixels, files and embeddings, in what form soever."""
    yield from (NAME.encode(), NAME.lower().encode(), NAME.upper().encode())
    for role, crop in CROPS.items():
        for data in (FACES[role], crop.tobytes()):
            for start in range(60, len(data) - 12, 97):
                piece = data[start : start + 12]
                yield from (piece, piece.hex().encode(), repr(piece)[2:-1].encode())
        yield from (TEXTS[role][start : start + 16].encode() for start in range(80, 800, 61))
        for value in tiny.embed(crop[np.newaxis])[0]:
            yield from (value.tobytes(), np.float64(value).tobytes())
            yield from (f"{abs(value):.6f}".encode(), f"{abs(value):.7g}"[:8].encode())


@dataclass
class Heard:
    """What came back of all requests."""

    headers: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


def ask_everything(port: int) -> Heard:
    """Call every endpoint, rightly and wrongly, with the name wherever one can be put."""
    heard = Heard()
    sent = {"User-Agent": NAME, "Referer": f"http://{NAME}/", "X-Request-ID": NAME, "Cookie": NAME}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=sent, timeout=60) as client:
        for request in _requests(client):
            answer = client.send(request)
            heard.headers += [f"{key}: {value}" for key, value in answer.headers.items()]
            heard.statuses.add(answer.status_code)
            if answer.status_code >= 400 and NAME.encode() not in request.url.raw_path:
                heard.refusals.append(answer.text)
    return heard


def _requests(client: httpx.Client) -> Iterator[httpx.Request]:
    yield from _about_pairs(client)
    yield from _of_the_protocol(client)
    for kind in ("application/x-npz", "image/png", f"text/{NAME}"):
        yield client.build_request("POST", "/v1/explain", files=FILES, headers={"Accept": kind})
    for path in ROUTES - {"other"}:
        yield client.build_request("GET", f"{path}?name={NAME}")
    for path in (f"/{NAME}", f"/samples/{NAME}", f"/v2/models/{NAME}", f"/page/{NAME}.js"):
        yield client.build_request("GET", path)
    for method in (NAME, NAME.upper(), f"X-{NAME}"):
        yield client.build_request(method, "/v1/about")


def _about_pairs(client: httpx.Client) -> Iterator[httpx.Request]:
    form = {"Content-Type": f"multipart/form-data; boundary={NAME}"}
    malformed = (FACES["test"], f"--{NAME}\r\n{NAME}\r\n\r\n".encode(), NAME.encode())
    for path in ("/v1/explain", "/v1/verify", "/v1/assess"):
        for _ in range(2):  # the second time from the cache
            yield client.build_request("POST", path, files=FILES)
        yield client.build_request("POST", path, json=TEXTS)
        for role, broken in product(FILES, BROKEN):
            files = FILES | {role: (FILE, broken, "image/png")}
            yield client.build_request("POST", path, files=files)
        for fields in ({"crop": NAME}, {"method": NAME}, {NAME: NAME}):
            yield client.build_request("POST", path, files=FILES, data=fields)
        yield client.build_request("POST", path, files={NAME: FILES["test"]})
        yield client.build_request("POST", path, content=FACES["test"])
        for body in malformed:
            yield client.build_request("POST", path, content=body, headers=form)


def _of_the_protocol(client: httpx.Client) -> Iterator[httpx.Request]:
    pixels_of_it = CROPS["test"].reshape(-1).tolist()
    for data, model in product(({"data": pixels_of_it}, {"data": [NAME]}, {}), ("embedder", NAME)):
        image = {"name": "image", "datatype": "UINT8", "shape": [1, 16, 16, 3]} | data
        body = {"id": NAME, "inputs": [image]}
        yield client.build_request("POST", f"/v2/models/{model}/infer", json=body)


@dataclass(eq=False)
class Run:
    """A process that was asked everything, and has ended."""

    heard: Heard
    numbers: str
    log: str
    output: str
    files: dict[str, bytes]
    held: list[str]
    traced: str


@pytest.fixture(scope="module")
def run(service_bundle, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("canary")
    homes = {name: folder / name.lower() for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    for home in homes.values():
        home.mkdir()
    variables = {name: str(home) for name, home in homes.items()}
    with served(service_bundle, folder, **variables, PYTHONDONTWRITEBYTECODE="1") as process:
        trace = folder.with_name("trace")
        with traced(process, trace):
            heard = ask_everything(process.port)
            held = files_held_during_a_request(process)
        numbers = httpx.get(f"http://127.0.0.1:{process.port}/metrics").text
        process.signal(15)
        assert process.wait() == 0
        output = process.popen.stdout.read()
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    log = files["errors.txt"].decode()
    return Run(heard, numbers, log, output, files, held, trace.read_text())


@contextmanager
def traced(process: Process, out: Path) -> Iterator[None]:
    """Note which files a process opens meanwhile, if there is strace to tell."""
    out.write_text("")
    strace = shutil.which("strace")
    if strace is None:
        yield
        return
    calls = "trace=openat,open,creat,memfd_create,mkdir,rename,renameat,renameat2"
    number = str(process.popen.pid)
    tracer = subprocess.Popen([strace, "-f", "-qq", "-o", str(out), "-e", calls, "-p", number])
    status = Path(f"/proc/{number}/status")
    until(lambda: "TracerPid:\t0\n" not in status.read_text() or tracer.poll() is not None)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(60)


def files_held_during_a_request(process: Process) -> list[str]:
    """What the process has open while half of a request has come."""
    request = about_pair("/v1/explain", FACES["reference"], FACES["test"])
    with Caller(process.port) as caller:
        caller.send(request[: len(request) // 2])
        folder = Path(f"/proc/{process.popen.pid}/fd")
        held: list[str] = []
        for one in folder.iterdir():
            with suppress(FileNotFoundError):  # closed since, as an earlier connection's may be
                held.append(str(one.readlink()))
        caller.send(request[len(request) // 2 :])
        assert caller.answer().status == 200
    return held


def test_all_kinds_of_answers_were_heard(run):
    assert {200, 400, 404, 405, 406, 415, 422} <= run.heard.statuses
    assert max(run.heard.statuses) < 500


@pytest.mark.parametrize("where", ["log", "numbers", "output"])
def test_nothing_of_a_face_is_told_of(run, where):
    sent = getattr(run, where).encode()
    assert [one for one in canaries() if one in sent] == []


def test_nothing_of_a_face_is_in_a_header(run):
    sent = "\n".join(run.heard.headers).encode()
    assert [one for one in canaries() if one in sent] == []
    assert not [one for one in run.heard.headers if one.lower().startswith("server:")]


def test_no_refusal_says_the_name_of_a_file(run):
    assert run.heard.refusals
    assert not [one for one in run.heard.refusals if "at-home" in one]


FONTS = "matplotlib/fontlist-"
"""Of the fonts that are installed: matplotlib writes it once, for figures."""


def test_nothing_is_written_but_the_log(run):
    assert {name for name in run.files if FONTS not in name} == {"errors.txt"}
    written = b"".join(run.files.values())
    assert [one for one in canaries() if one in written] == []


def test_no_file_is_held_that_a_face_could_be_in(run):
    known = re.compile(r"socket:|pipe:|anon_inode:|/dev/|.*/errors\.txt$|.*/mpl-data/fonts/")
    assert run.held
    assert [one for one in run.held if not known.match(one)] == []


def test_no_file_is_opened_to_write(run):
    if not run.traced:
        pytest.skip("strace is not here, or may not trace")
    writing = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|creat\(|memfd|mkdir|rename")
    assert "O_RDONLY" in run.traced
    assert [line for line in run.traced.splitlines() if writing.search(line)] == []


def test_every_line_of_the_log_is_json_and_knows_routes_alone(run):
    lines = [json.loads(line) for line in run.log.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 50
    of_the_protocol = {"/v2/models/{name}", "/v2/models/{name}/infer"}
    assert {line["route"] for line in requests} <= ROUTES | of_the_protocol
    assert all(set(line) == KEYS for line in requests)
    assert {line["method"] for line in requests} == {"GET", "POST", "?"}
    assert "other" in {line["route"] for line in requests}
