"""`lpel serve` as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LPEL = str(Path(sys.executable).with_name("lpel"))
_USUAL_START = 5.0
"""Seconds in which a service starts where little else runs, at most."""


@dataclass(eq=False)
class Process:
    """A service that is running, or was."""

    port: int
    popen: "subprocess.Popen[str]"
    errors: Path
    started_in: float
    """Seconds, which say how busy the machine is."""

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """Wait so long for its end, or longer where it took long to start; return its status."""
        return self.popen.wait(seconds * max(1.0, self.started_in / _USUAL_START))

    def mebibytes(self, what: str) -> float:
        """Memory, as Linux calls it: VmRSS is what it has, VmHWM the most it ever had."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text(encoding="utf-8").split()
        return int(status[status.index(f"{what}:") + 1]) / 1024

    @property
    def said(self) -> str:
        """What stands on its standard error."""
        return self.errors.read_text(encoding="utf-8")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about an event."""
        lines = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


@contextmanager
def served(bundle: Path, folder: Path, *options: str, **variables: str) -> Iterator[Process]:
    """Run `lpel serve` while the context is open; `folder` takes its log."""
    command = [LPEL, "serve", "--bundle", str(bundle), "--port", "0", *options]
    errors = folder / "errors.txt"
    begun = time.monotonic()
    with (
        errors.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **variables},
            cwd=folder,
        ) as popen,
    ):
        assert popen.stdout is not None
        try:
            said = popen.stdout.readline()
            found = re.search(r":(\d+)/", said)
            assert found, f"it announced {said!r}; {errors.read_text(encoding='utf-8')}"
            yield Process(int(found[1]), popen, errors, time.monotonic() - begun)
        finally:
            if popen.poll() is None:
                popen.send_signal(signal.SIGKILL)
