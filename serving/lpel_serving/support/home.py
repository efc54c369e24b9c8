"""A home folder for libraries that write to one, where the user has none."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

_FOLDERS = {
    "matplotlib": ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
    "tensorflow": ("KERAS_HOME",),
    "keras_facenet": ("KERAS_HOME",),
}
"""Environment variables that name a package's folder; if none is set, the first one is."""


def home() -> Path | None:
    """The user's own folder, writable or not; None where there is none.

    A user unknown to the system has none, unless the environment names one; an empty HOME, which
    would mean the root folder, counts as none.
    """
    if os.environ.get("HOME") == "":
        return None
    found = Path(os.path.expanduser("~"))  # noqa: PTH111 (Path.home raises in some cases only)
    return found if found.is_absolute() else None


def settle(package: str) -> None:
    """Give a package a temporary folder if there is no home that it can write to.

    Keras would leave a folder called ``~`` where it was started, or one that all users share;
    matplotlib would complain, with a path.
    """
    variables = _FOLDERS.get(package, ())
    if not variables or any(name in os.environ for name in variables):
        return
    found = home()
    if found is None or not (found.is_dir() and os.access(found, os.W_OK)):
        os.environ[variables[0]] = temporary_home()


@functools.cache
def temporary_home() -> str:
    """A folder of this process in place of a home, removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="lpel-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
