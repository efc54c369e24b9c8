"""One job at a time in a folder."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from lpel_serving.errors import BusyError, OutputError


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a lock, which is let go of however this process ends.

    Where the system has no such locks (Windows), nobody is kept out.

    Raises
    ------
    BusyError
        If another process holds it.
    OutputError
        If its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if not _take(file.fileno()):
                raise BusyError(
                    f"another `lpel batch` is at work in {path.parent}: wait for it, or write "
                    "elsewhere."
                )
            yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path.parent}: {error.strerror or error}.") from error


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return not _take(file.fileno())


def _take(descriptor: int) -> bool:
    if find_spec("fcntl") is None:
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
