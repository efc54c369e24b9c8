"""Writing whole files or none."""

import os
import stat

import pytest

from lpel_serving.support.errors import LpelError, OutputError
from lpel_serving.support.files import write_atomically


def test_a_file_is_written_with_the_folders_above_it(tmp_path):
    path = tmp_path / "a" / "b" / "file.bin"
    write_atomically(path, b"\0new")
    assert path.read_bytes() == b"\0new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_a_file_that_stood_there_is_replaced(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old and longer")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    write_atomically(path, b"")
    assert path.read_bytes() == b""


def test_a_relative_path_is_written_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically(type(tmp_path)("file.bin"), b"new")
    assert (tmp_path / "file.bin").read_bytes() == b"new"


def test_a_written_file_may_be_read_by_whom_the_umask_allows(tmp_path):
    old = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file.bin", b"new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file.bin").stat().st_mode) == 0o644


def test_a_failure_while_writing_keeps_the_old_and_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*file\.bin: No space left on device\."):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_while_writing_keeps_the_old_and_leaves_nothing_behind(
    tmp_path, monkeypatch
):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_refused_and_named(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (file / "below", file / "far" / "below", folder, tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="cannot write") as caught:
            write_atomically(path, b"new")
        assert str(path) in str(caught.value)
        assert isinstance(caught.value, OSError)
    assert file.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_the_longest_name_that_a_file_can_have_is_written(tmp_path):
    path = tmp_path / ("x" * 255)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("path", ["/", "", "file\0"])
def test_a_path_that_names_no_file_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LpelError):
        write_atomically(type(tmp_path)(path), b"new")
