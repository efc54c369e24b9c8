"""Writing files so that nothing is ever half written."""

import contextlib
import os
import secrets
from pathlib import Path

from lpel_serving.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file under a temporary name beside its place, then rename it.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there before is untouched.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # gone after the rename; out of reach if never made
            partial.unlink()
