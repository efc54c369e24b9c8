"""The bare engine and the service, each in a process of its own, and what they take."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from served.clients import Connection, get

CHUNK = 16
"""Pairs that the bare engine is given together."""


class Process:
    """A process, by its number."""

    def __init__(self, popen: "subprocess.Popen[str]") -> None:
        self.popen = popen
        self._proc = Path(f"/proc/{popen.pid}")

    @property
    def cpu_seconds(self) -> float:
        """Time on any core so far."""
        fields = (self._proc / "stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        status = (self._proc / "status").read_text(encoding="utf-8").split()
        return float(status[status.index("VmRSS:") + 1]) / 1024


class Bare(Process):
    """The engine alone, which explains what it is sent over a pipe."""

    def _send(self, **order: float) -> dict[str, Any]:
        stdin, stdout = self.popen.stdin, self.popen.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())

    def explain_for(self, seconds: float) -> dict[str, float]:
        """Explain pairs in batches for some seconds: pairs a second, CPU seconds a pair."""
        return self._send(seconds=seconds)

    def explain_singly(self, n: int) -> list[float]:
        """Explain pairs one by one: seconds of each."""
        return self._send(singly=n)["seconds"]

    def digests(self, n: int) -> list[str]:
        """What the first pairs' maps and masks are, as `digest` has it."""
        return self._send(digests=n)["digests"]


class Server(Process):
    """`lpel serve`."""

    def __init__(self, popen: "subprocess.Popen[str]", port: int) -> None:
        super().__init__(popen)
        self.port = port

    async def metrics(self, connection: Connection | None = None) -> dict[str, float]:
        """The numbers of `/metrics`."""
        own = connection or Connection(self.port)
        text = (await own.ask(get("/metrics"))).body.decode()
        if connection is None:
            own.leave()
        found = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def batches(self) -> dict[int, float]:
        """How many batches there were so far, by their length."""
        numbers = asyncio.run(self.metrics()).items()
        found = ((re.fullmatch(r'lpel_batches_total\{crops="(\d+)"\}', k), v) for k, v in numbers)
        return {int(match[1]): value for match, value in found if match}


@contextmanager
def bare(script: Path, bundle: Path, faces: Path) -> Iterator[Bare]:
    """Run the engine in a process while the context is open."""
    command = [sys.executable, str(script), "--bare", "--bundle", str(bundle)]
    with subprocess.Popen(
        [*command, "--faces", str(faces)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as popen:
        process = Bare(popen)
        process.explain_singly(2)
        yield process
        assert popen.stdin is not None
        popen.stdin.close()


@contextmanager
def server(bundle: Path, *options: str) -> Iterator[Server]:
    """Run the service in a process while the context is open."""
    lpel = str(Path(sys.executable).with_name("lpel"))
    with subprocess.Popen(
        [lpel, "serve", "--bundle", str(bundle), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as popen:
        assert popen.stdout is not None
        found = re.search(r":(\d+)/", popen.stdout.readline())
        assert found, "the service did not start: see why with `lpel serve`"
        process = Server(popen, int(found[1]))
        asyncio.run(Connection(process.port).ask(get("/readyz")))  # heard when it is warm
        yield process
        popen.terminate()


def obey(bundle: Path, pairs: list[tuple[bytes, bytes]]) -> None:
    """Be the bare engine: do as standard input says."""
    from lpel_serving import Explainer

    engine = Explainer.load(bundle)
    done = 0
    for line in sys.stdin:
        order = json.loads(line)
        begun, worked = time.perf_counter(), time.process_time()
        if "seconds" in order:
            first = done
            while time.perf_counter() - begun < order["seconds"]:
                engine.explain_pairs([pairs[i % len(pairs)] for i in range(done, done + CHUNK)])
                done += CHUNK
            took, n = time.perf_counter() - begun, done - first
            answer: dict[str, Any] = {
                "rate": n / took,
                "cpu_seconds": (time.process_time() - worked) / n,
            }
        elif "singly" in order:
            answer = {"seconds": []}
            for pair in pairs[: order["singly"]]:
                begun = time.perf_counter()
                engine.explain(*pair)
                answer["seconds"].append(time.perf_counter() - begun)
        else:
            explained = engine.explain_pairs(pairs[: order["digests"]])
            answer = {"digests": [_digest_of(pair) for pair in explained]}
        print(json.dumps(answer), flush=True)


def _digest_of(pair: Any) -> str:
    ways = (pair.swapped, pair.forward)
    return digest([part.tobytes() for one in ways for part in (one.heat_map, one.mask)])


def digest(arrays: list[bytes]) -> str:
    """Hash arrays: heat-map and mask of the reference, then of the test."""
    import hashlib

    return hashlib.sha256(b"|".join(arrays)).hexdigest()
