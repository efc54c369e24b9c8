"""A folder that is made once for all the processes of a run of tests, which share it."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(request: pytest.FixtureRequest, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process to ask for it fills, while the others wait.

    A process that dies lets the lock go; what it left half made is thrown away.
    """
    folder: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    if hasattr(request.config, "workerinput"):  # each process of pytest-xdist has one within
        folder = folder.parent
    made, ready = folder / name, folder / f"{name}.ready"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            ready.touch()
    return made
