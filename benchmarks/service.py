"""The service by the bare engine: throughput, latency, overload, clients that leave or stall it.

    .venv/bin/python benchmarks/service.py --bundle BUNDLE --faces lfw \
        --out benchmarks/results/service.json

`Explainer.explain_pairs` explains photographs in batches in a process of its own, `lpel serve` in
another; this process is the clients, on loopback and on the same cores. They take turns, so that
what else the machine does meets both: read the ratios, not the times. Every photograph is asked
about once, so that no cache helps, but in what is called `repeated`. Needs /proc.
"""

import argparse
import asyncio
import base64
import itertools
import json
import os
import platform
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving.support.files import write_atomically
from served.clients import about_pair, ask_at_once, ask_for
from served.leaving import leaving
from served.pressure import overload
from served.processes import Bare, Server, bare, digest, obey, server
from served.stalling import stalling

PHOTOGRAPHS = 8000
REPEATED = 16
CLIENTS = (1, 4, 8, 16)
CAPACITY, DEADLINE = 16, 30
LITTLE_CACHE = ("--cache-mib", "1")

Pairs = list[tuple[bytes, bytes]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bundle", type=Path, required=True)
    options.add_argument("--faces", type=Path, required=True)
    options.add_argument("--turns", type=int, default=12)
    options.add_argument("--seconds", type=float, default=2, help="of each turn")
    options.add_argument("--out", type=Path)
    options.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    pairs = pairs_of(photographs(chosen.faces, PHOTOGRAPHS))
    if chosen.bare:
        obey(chosen.bundle, pairs)
        return
    fresh = itertools.cycle(pairs)
    with bare(Path(__file__), chosen.bundle, chosen.faces) as engine:
        with server(chosen.bundle, *LITTLE_CACHE) as service:
            result = {
                "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
                "bytes": bytes_under_load(engine, service, pairs),
                "one_by_one": one_by_one(engine, service, fresh),
                "distinct": throughput(engine, service, fresh, chosen.turns, chosen.seconds),
            }
        with server(chosen.bundle) as service:
            few = pairs_of_few(pairs)
            result["repeated"] = throughput(engine, service, few, 3, chosen.seconds)
    crowded = ("--capacity", str(CAPACITY), "--seconds", str(DEADLINE))
    with server(chosen.bundle, *LITTLE_CACHE, *crowded) as service:
        result["overload"] = overload(service, requests(fresh), CAPACITY, DEADLINE, 20)
        result["leaving"] = leaving(service, fresh, 30)
        result["stalling"] = stalling(service)
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if chosen.out:
        write_atomically(chosen.out, text.encode())


def photographs(folder: Path, n: int) -> list[bytes]:
    """The files of n photographs: one of each person, then a second one of each."""
    people = [sorted(one.glob("*.jpg")) for one in sorted(folder.iterdir()) if one.is_dir()]
    paths = (path for turn in itertools.zip_longest(*people) for path in turn if path is not None)
    return [path.read_bytes() for path in itertools.islice(paths, n)]


def pairs_of(images: list[bytes]) -> Pairs:
    return list(zip(images[::2], images[1::2], strict=False))


def pairs_of_few(pairs: Pairs) -> Iterator[tuple[bytes, bytes]]:
    """All pairs of a few images, again and again."""
    few = [image for pair in pairs[: REPEATED // 2] for image in pair]
    return itertools.cycle(itertools.permutations(few, 2))


def requests(pairs: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Requests to explain pairs, with maps and masks."""
    return (about_pair("/v1/explain", *pair, arrays="base64") for pair in pairs)


def throughput(
    engine: Bare,
    service: Server,
    pairs: Iterator[tuple[bytes, bytes]],
    turns: int,
    seconds: float,
) -> dict[str, Any]:
    """Pairs a second by the bare engine's, and CPU time a pair likewise, at n clients."""
    asked = requests(pairs)
    asyncio.run(ask_for(1, service.port, max(CLIENTS), asked))
    found: dict[int, list[dict[str, float]]] = {n: [] for n in CLIENTS}
    for turn in range(turns):
        for n in np.roll(CLIENTS, turn):  # none always comes first
            alone = engine.explain_for(seconds)
            found[int(n)].append(_turn(service, asked, int(n), seconds, alone))
    return {f"{n} clients": _median(rows) for n, rows in found.items()}


def _turn(
    service: Server, asked: Iterator[bytes], n: int, seconds: float, alone: dict[str, float]
) -> dict[str, float]:
    batches, cpu = service.batches(), service.cpu_seconds
    load = asyncio.run(ask_for(seconds, service.port, n, asked))
    times = np.array(load.times(200))
    if len(times) != len(load.answers):
        raise SystemExit(f"{len(load.answers) - len(times)} of {len(load.answers)} failed.")
    new = {size: k - batches.get(size, 0) for size, k in service.batches().items()}
    p50, p99 = np.percentile(times, [50, 99])
    return {
        "rate_by_bare": load.rate / alone["rate"],
        "cpu_by_bare": (service.cpu_seconds - cpu) / len(times) / alone["cpu_seconds"],
        "mean_batch": sum(size * k for size, k in new.items()) / max(1, sum(new.values())),
        "p50_by_bare_pair": float(p50) * alone["rate"],
        "p99_by_bare_pair": float(p99) * alone["rate"],
    }


def _median(rows: list[dict[str, float]]) -> dict[str, Any]:
    medians: dict[str, Any] = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    return medians | {"all_rates": [round(row["rate_by_bare"], 3) for row in rows]}


def one_by_one(
    engine: Bare, service: Server, pairs: Iterator[tuple[bytes, bytes]], blocks: int = 12
) -> dict[str, float]:
    """Time of one pair, nothing else being asked, by the bare engine's time for one pair."""
    asked, alone, answered = requests(pairs), [], []
    for _ in range(blocks):
        alone += engine.explain_singly(8)
        answered += asyncio.run(ask_for(0.4, service.port, 1, asked)).times(200)
    ratio = statistics.median(answered) / statistics.median(alone)
    return {
        "bare_p50_ms": 1000 * statistics.median(alone),
        "service_p50_ms": 1000 * statistics.median(answered),
        "service_by_bare": ratio,
    }


def bytes_under_load(engine: Bare, service: Server, pairs: Pairs, n: int = 24) -> dict[str, Any]:
    """Whether the maps and masks of pairs that are asked for at once are the engine's own bytes."""
    answers = asyncio.run(ask_at_once(service.port, list(requests(iter(pairs[:n])))))
    return {"pairs": n, "same": [_digest(one.body) for one in answers] == engine.digests(n)}


def _digest(body: bytes) -> str:
    ways = json.loads(body)["explanations"]
    parts = [ways[way][part] for way in ("reference", "test") for part in ("heat_map", "mask")]
    return digest([base64.b64decode(part["base64"]) for part in parts])


if __name__ == "__main__":
    main()
