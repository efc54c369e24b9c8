"""`lpel batch` that is interrupted, or cannot write: one sentence, and the same command goes on."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lpel_serving.batch.results import status
from lpel_serving.batch.store.folder import Places
from support import slow, tiny
from support.batch import pair_up, tree, write_csv, write_pictures
from support.process import LPEL

IMAGES, ROWS = 250, 300
SIZES = (4, 8, 16, 32, 48, 64, 96, 128, 256, 1024)
"""KiB: ever more room, in which a job gets ever further."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A list of pairs of many images, and a bundle that takes its time."""
    folder = tmp_path_factory.mktemp("interrupt")
    tiny.write_bundle(folder / "slow", embedder=slow.embedder(300), responds=True)
    pictures = write_pictures(folder, IMAGES)
    pairs = pair_up(pictures, ROWS)
    pairs["test"] = [pictures[row % IMAGES].name for row in range(ROWS)]
    write_csv(folder / "pairs.csv", pairs)
    return folder


def command(folder: Path, out: Path, bundle: Path, *options: str) -> list[str]:
    return [LPEL, "batch", str(folder / "pairs.csv"), str(out), "--bundle", str(bundle), *options]


def run(arguments: list[str], **how) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=120, check=False, **how
    )


def whole(folder: Path, out: Path, bundle: Path, *options: str) -> dict[str, bytes]:
    """What a job leaves that nothing happened to."""
    done = run(command(folder, out, bundle, *options))
    assert done.returncode == 0, done.stderr
    return tree(out)


def is_planned(out: Path) -> bool:
    return Places(out).shards.is_file()


def is_embedded(out: Path) -> bool:
    return Places(out).embedded.is_file()


@pytest.mark.parametrize(
    ("has_come", "name", "options", "stage"),
    [
        pytest.param(is_planned, "slow", (), "embedding", id="embedding"),
        pytest.param(is_embedded, None, ("--method", "occlusion"), "explaining", id="explaining"),
    ],
)
def test_ctrl_c_ends_it_at_once_and_the_same_command_goes_on(
    has_come, name, options, stage, folder, responding_bundle, tmp_path
):
    bundle = responding_bundle if name is None else folder / name
    out = tmp_path / "out"
    arguments = command(folder, out, bundle, *options)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        slow.until(lambda: has_come(out))
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.endswith("lpel: interrupted.\n")
    assert "Traceback" not in said
    found = status(out)
    assert (found.state, found.stage) == ("stopped", stage)
    assert not list(out.rglob(".*.partial"))
    assert run(arguments).returncode == 0
    assert tree(out) == whole(folder, tmp_path / "whole", bundle, *options)


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence that it ends with; before it are bars of progress."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("lpel: ") == 1
    return done.stderr[done.stderr.index("lpel: ") :]


def test_a_file_in_the_way_of_a_batch_is_named(folder, responding_bundle, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        said = complaint(run(command(folder, out, responding_bundle)))
        assert said.startswith(f"lpel: cannot write {out}: ")
        assert said.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(folder, responding_bundle, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    said = complaint(run(command(folder, out, responding_bundle)))
    assert said == f"lpel: cannot write {out}: Permission denied.\n"
    out.chmod(0o700)
    assert run(command(folder, out, responding_bundle)).returncode == 0


def go_on_with_more_room(
    out: Path, again: "Callable[[int], subprocess.CompletedProcess[str]]"
) -> list[str]:
    """Try the same command with more and more room; return what it said before there was enough."""
    said: list[str] = []
    for kib in SIZES:
        done = again(kib)
        if done.returncode == 0:
            return said
        said.append(complaint(done))
        assert not list(out.rglob(".*.partial"))
    pytest.fail(f"it did not end, and said {said}")


def test_files_that_must_not_grow(folder, responding_bundle, tmp_path):
    import resource

    out = tmp_path / "out"
    arguments = command(folder, out, responding_bundle)

    def again(kib: int) -> "subprocess.CompletedProcess[str]":
        limit = (kib * 1024, kib * 1024)
        return run(arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))

    said = go_on_with_more_room(out, again)
    assert len(said) > 3
    for one in said:
        assert one.startswith(f"lpel: cannot write {out}"), one
        assert one.count("\n") == 1
    assert tree(out) == whole(folder, tmp_path / "whole", responding_bundle)


@pytest.fixture
def disk(tmp_path) -> "Callable[[int], None]":
    """A small file system at ``tmp_path / 'disk'``; called, it gets another size."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(kib: int, *options: str) -> bool:
        mount = ["mount", "-t", "tmpfs", "-o", f"{','.join([*options, ''])}size={kib}k", "tmpfs"]
        return run([*mount, str(place)]).returncode == 0

    if os.geteuid() != 0 or shutil.which("mount") is None or not resize(4):
        pytest.skip("only root may mount")
    yield lambda kib: resize(kib, "remount")
    run(["umount", str(place)])


def test_a_batch_goes_on_after_a_full_disk(disk, folder, responding_bundle, tmp_path):
    out = tmp_path / "disk" / "out"
    arguments = command(folder, out, responding_bundle)

    def again(kib: int) -> "subprocess.CompletedProcess[str]":
        assert disk(kib)
        return run(arguments)

    said = go_on_with_more_room(out, again)
    assert any("No space left on device" in one for one in said)
    for one in said:
        assert one.startswith(f"lpel: cannot write {out}"), one
        assert one.count("\n") == 1
    assert tree(out) == whole(folder, tmp_path / "whole", responding_bundle)
