"""Waiting times of others while a client sends JSON that is all structure, or all pixels."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from served.clients import HOST, Connection, ask_at_once, get
from served.processes import Server

AT_ONCE = 16
_BYTES = 2 * 2**20


def stalling(service: Server, seconds: float = 3) -> dict[str, Any]:
    """Ask `/livez` again and again: undisturbed, and while sixteen such requests come at once."""
    found: dict[str, Any] = {"quiet": _waits(service, lambda: time.sleep(seconds))}
    for name, unit in (("empty_lists", b"[],"), ("pixels", b"[0,0,0],"), ("numbers", b"0,")):
        request = _request(unit)
        answers: list[int] = []

        def ask(request: bytes = request, answers: list[int] = answers) -> None:
            load = asyncio.run(ask_at_once(service.port, [request] * AT_ONCE))
            answers.extend(answer.status for answer in load)

        waits = _waits(service, ask)
        by_quiet = waits["max_ms"] / found["quiet"]["max_ms"]
        found[name] = {**waits, "max_by_quiet": by_quiet, "statuses": sorted(set(answers))}
    return found


def _request(unit: bytes) -> bytes:
    body = b'{"inputs":[' + unit * ((_BYTES - 20) // len(unit)) + b"0]}"
    head = f"POST /v2/models/embedder/infer HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _waits(service: Server, meanwhile: Callable[[], object]) -> dict[str, float]:
    """How long `/livez` takes while something else is done in a thread."""
    thread = threading.Thread(target=meanwhile)

    async def ask() -> list[float]:
        connection, times = Connection(service.port), []
        while thread.is_alive():
            times.append((await connection.ask(get("/livez"))).seconds)
            await asyncio.sleep(0.005)
        connection.leave()
        return times

    thread.start()
    times = asyncio.run(ask())
    p50, p99 = (float(one) for one in np.percentile(times, [50, 99]))
    return {"p50_ms": 1000 * p50, "p99_ms": 1000 * p99, "max_ms": 1000 * max(times)}
