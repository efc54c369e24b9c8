"""Writing files so that nothing is ever half written."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from lpel_serving.errors import OutputError


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


def put_in_place(partial: Path, folder: Path) -> None:
    """Let a folder that was written under a temporary name take its place, or the place of an old.

    Raises
    ------
    OutputError
        If it cannot; what stood there before is untouched.
    """
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
