"""Clients that leave, and how long the network runs on afterwards."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from served.clients import Connection, about_pair
from served.processes import Server

WORK = {
    "explain": ("/v1/explain", {}),
    "explain by occlusion": ("/v1/explain", {"method": "occlusion"}),
    "explain by corrrise": ("/v1/explain", {"method": "corrrise"}),
    "assess": ("/v1/assess", {}),
}
_PATIENCE = 30


def leaving(service: Server, pairs: Iterator[tuple[bytes, bytes]], n: int) -> dict[str, Any]:
    """For each kind of work: milliseconds from a client's leaving until the network is idle."""
    rng = np.random.default_rng(0)
    return {name: asyncio.run(_leave(service, pairs, name, n, rng)) for name in WORK}


async def _leave(
    service: Server,
    pairs: Iterator[tuple[bytes, bytes]],
    name: str,
    n: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    path, fields = WORK[name]
    observer, times = Connection(service.port), []
    while len(times) < n:
        client = Connection(service.port)
        await client.send(about_pair(path, *next(pairs), **fields))
        await _until(service, observer, running=True)
        if path != "/v1/explain" or fields:
            await asyncio.sleep(rng.uniform(0.1, 0.5))  # somewhere in its long work
        left = time.perf_counter()
        client.leave()
        await _until(service, observer, running=False)
        times.append(1000 * (time.perf_counter() - left))
    observer.leave()
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50_ms": float(p50), "p95_ms": float(p95), "most_ms": max(times)}


async def _until(service: Server, observer: Connection, *, running: bool) -> None:
    """Wait until the embedder runs, or until it does not and nothing waits for it."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < _PATIENCE:
        numbers = await service.metrics(observer)
        busy = numbers["lpel_inferences_running"] + numbers["lpel_crops_waiting"]
        if running == bool(numbers["lpel_inferences_running"] if running else busy):
            return
    raise SystemExit(f"the embedder was not {'busy' if running else 'idle'} in {_PATIENCE} s.")
