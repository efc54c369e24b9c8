"""Atomic writing of files and folders."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import BinaryIO

from lpel_serving.support.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file under a temporary name beside its place, then rename it.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there before is untouched.
    """
    if not path.name:
        raise OutputError(f"cannot write {path}: it names no file.")
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot write {path}: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):  # gone after the rename; out of reach if never made
            partial.unlink()


def check_folder(out: Path) -> None:
    """Raise `OutputError` if something that is no folder stands where results are to lie."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is not a folder: choose another name.")


@contextlib.contextmanager
def growing_file(path: Path) -> Generator[BinaryIO]:
    """Write a file in parts, so that memory need not hold it; it appears when it is complete.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there before is untouched.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OutputError:  # of something else, written meanwhile
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_folder(
    folder: Path, contents: Mapping[str, bytes], check: Callable[[Path], object] | None = None
) -> None:
    """Write a whole folder under a temporary name, then rename it, replacing an old one.

    Parameters
    ----------
    folder
        An existing one is replaced: the caller has to check that it may be.
    contents
        Its files, by their paths within it.
    check
        Verifies the folder before it is put in place; raises if it must not be.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there before is untouched.
    """
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        for name, data in contents.items():
            write_atomically(partial / name, data)
        if check is not None:
            check(partial)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, folder: Path) -> None:
    old = folder.with_name(f"{partial.name}.old")
    try:
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise OutputError(f"cannot write {folder}: {error.strerror}.") from error
    shutil.rmtree(old, ignore_errors=True)
