"""The command `lpel` as a user runs it: run, refused, and read on a terminal."""

import os
import subprocess
from pathlib import Path

from support.process import LPEL

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
"""Variables with which nothing can be fetched."""
NO_PHOTOGRAPHS = {
    "an empty folder": Path.mkdir,
    "a file": lambda path: path.write_bytes(b""),
    "nothing": lambda path: None,
}
"""What may stand where a folder of photographs should, and is none."""


def lpel(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `lpel` to its end, whatever that is."""
    command = [LPEL, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Check that a command ended with one sentence, and nothing on standard output."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("lpel: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    for word in words:
        assert word in done.stderr


def read_terminal(screen: int) -> bytes:
    """Read on; Linux answers an error once the other end is closed and all was read."""
    try:
        return os.read(screen, 4096)
    except OSError:
        return b""
