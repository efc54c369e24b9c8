"""The command `lpel` as a user runs it: run, refused, and read on a terminal."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from unittest.mock import patch

from lpel_serving.commands.main import main
from support.process import LPEL

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
"""Variables with which nothing can be fetched."""
NO_PHOTOGRAPHS = {
    "an empty folder": Path.mkdir,
    "a file": lambda path: path.write_bytes(b""),
    "nothing": lambda path: None,
}
"""What may stand where a folder of photographs should, and is none."""


def lpel_process(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run `lpel` to its end, whatever that is, as a process of its own."""
    command = [LPEL, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def lpel(
    *arguments: object, cwd: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `lpel` to its end in this process, which saves a second: its own `main`, on `arguments`.

    What it would write on standard output and error is caught, also where no Python writes it.
    """
    command = [LPEL, *map(str, arguments)]
    status = 0
    with (
        chdir(cwd or Path.cwd()),
        patch.dict(os.environ, environment),
        patch.object(sys, "argv", command),
        patch.object(sys.modules["__main__"], "__package__", None),  # or usage says python -m
        caught("stdout") as output,
        caught("stderr") as errors,
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        said = [_text(output), _text(errors)]
    return subprocess.CompletedProcess(command, status, *said)


@contextmanager
def caught(name: str) -> "Generator[IO[bytes]]":
    """Let one of the standard streams go to a file, by its name in `sys` and its number alike."""
    number = {"stdout": 1, "stderr": 2}[name]
    with TemporaryFile() as file:
        before = os.dup(number)
        os.dup2(file.fileno(), number)
        try:
            with (
                open(number, "w", encoding="utf-8", closefd=False) as stream,
                patch.object(sys, name, stream),
            ):
                yield file
        finally:
            os.dup2(before, number)
            os.close(before)


def _text(file: "IO[bytes]") -> str:
    file.seek(0)
    return file.read().decode()


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
