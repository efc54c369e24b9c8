"""One job at a time in a folder."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import sleep

from lpel_serving.support.errors import BusyError, OutputError


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a lock, which is let go of however this process ends.

    Where there are no such locks (Windows, some network file systems), nobody is kept out.

    Raises
    ------
    BusyError
        If another process holds it.
    OutputError
        If its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise OutputError(f"cannot write {path.parent}: {error.strerror or error}.") from error
    with file:
        if not _take_soon(file.fileno()):
            raise BusyError(
                f"another `lpel batch` is at work in {path.parent}: wait for it, or write "
                "elsewhere."
            )
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return not _take(file.fileno(), shared=True)


def _take_soon(descriptor: int) -> bool:
    """Take a lock that somebody may hold for a moment, to see whether it is held."""
    for _ in range(10):
        if _take(descriptor):
            return True
        sleep(0.02)
    return False


def _take(descriptor: int, *, shared: bool = False) -> bool:
    if find_spec("fcntl") is None:
        return True
    import fcntl

    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody is kept out
        return True
    return True
