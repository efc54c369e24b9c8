"""`lpel batch` as its users run it: its time, and the memory of its own that it takes."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_EVERY = 0.02


def batch(*arguments: object) -> dict[str, Any]:
    """Run `lpel batch`; return its time, its JSON, and the most memory that no file backs."""
    lpel = str(Path(sys.executable).with_name("lpel"))
    command = [lpel, "batch", *map(str, arguments), "--json"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as popen:
        most = [0.0]
        watcher = threading.Thread(target=_watch, args=(popen, most))
        watcher.start()
        assert popen.stdout is not None
        output = popen.stdout.read()
        popen.wait()
        watcher.join()
    took = time.perf_counter() - begun
    if popen.returncode:
        raise SystemExit(f"{' '.join(command)} failed: see why by running it.")
    return {"seconds": took, "most_megabytes": most[0], **json.loads(output)}


def _watch(popen: "subprocess.Popen[str]", most: list[float]) -> None:
    status = Path(f"/proc/{popen.pid}/status")
    while popen.poll() is None:
        try:
            fields = status.read_text(encoding="utf-8").split()
            most[0] = max(most[0], float(fields[fields.index("RssAnon:") + 1]) / 1024)
        except (OSError, ValueError):  # it has just ended
            return
        time.sleep(_EVERY)
