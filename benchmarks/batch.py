"""Batch jobs by bare onnxruntime, threads by processes, Ray by one machine, and a million pairs.

    .venv/bin/python benchmarks/batch.py --bundle BUNDLE --faces lfw \
        --out benchmarks/results/batch.json

What is compared takes turns in one run, so that what else the machine does meets both: read the
ratios, not the times. Needs /proc, and for `--ray` the extra `ray`.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from batched.engines import BATCH, BareEmbedder, Opened, Processes, seconds
from batched.process import batch
from batched.synthetic import write_embedding_pairs, write_photograph_pairs
from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import Job, prepare
from lpel_serving.batch.plan import make_plan
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.embedding import Embedding
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.stages.stage import StageRunner
from lpel_serving.batch.store.folder import Places
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import ReportProgress

CORES = len(os.sched_getaffinity(0))
PHOTOGRAPHS, TURNS = 1536, 6
ON_RAY = 4000
"""Photographs: enough for a job of some minutes, beside which actors start in no time."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bundle", type=Path, required=True)
    options.add_argument("--faces", type=Path, required=True)
    options.add_argument("--pairs", type=int, default=1_000_000)
    options.add_argument("--ray", action="store_true")
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    paths = photographs(chosen.faces, PHOTOGRAPHS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        result: dict[str, Any] = {
            "machine": {"cores": CORES, "processor": platform.machine()},
            "embedding": embedding(folder, chosen.bundle, paths),
            "explaining": explaining(folder, chosen.bundle, paths, chosen.pairs // 4),
            "many": many(folder, chosen.bundle, chosen.pairs),
        }
        if chosen.ray:
            many_paths = photographs(chosen.faces, ON_RAY)
            result["ray"] = on_ray(folder, chosen.bundle, many_paths, chosen.pairs)
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if chosen.out:
        write_atomically(chosen.out, text.encode())


def photographs(folder: Path, n: int) -> list[str]:
    """Photographs of different people, at most this many."""
    people = sorted(folder.iterdir())
    found = [
        path for turn in range(3) for one in people for path in sorted(one.glob("*.jpg"))[turn:][:1]
    ]
    return [str(path.resolve()) for path in found[:n]]


def embedding(folder: Path, bundle: Path, paths: list[str]) -> dict[str, Any]:
    """Photographs a second through the first stage, by bare onnxruntime on crops that lie ready."""
    write_photograph_pairs(folder / "all.parquet", paths, 50_000)
    job = prepare(Job(Lists(folder / "all.parquet"), folder / "all", bundle, BatchSettings()))
    places = Places(folder / "all")
    dimension = job.manifest.embedder.dimension
    plan = make_plan(
        job.job.lists, places, 10_000, dimension, None, lambda _: None, needs_images=False
    )
    stage = Embedding(folder / "all", job.networks, BATCH)
    opened = Opened(stage.open())
    bare = BareEmbedder(load_bundle(bundle).embedder, noise(job.manifest.embedder.shape.height))
    chunks = np.array_split(np.arange(plan.chunks), TURNS)
    rows: list[dict[str, float]] = []
    for some in chunks:
        images = 128 * len(some)
        rates = bare.rates(images)
        took = seconds(Local(CORES), opened, some.tolist())
        best = max(rates.values())
        rows.append({**rates, "batch": images / took, "by_best_bare": images / took / best})
    return {
        "images_a_second": {name: statistics.median(row[name] for row in rows) for name in rows[0]},
        "by_best_bare": [round(row["by_best_bare"], 3) for row in rows],
    }


def noise(side: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (64, side, side, 3), dtype=np.uint8)


def explaining(folder: Path, bundle: Path, paths: list[str], pairs: int) -> dict[str, Any]:
    """Pairs a second of the second stage, maps included, embeddings being there."""
    write_photograph_pairs(folder / "few.parquet", paths, pairs)
    dimension = load_bundle(bundle).manifest.embedder.dimension
    write_embedding_pairs(folder / "given.parquet", pairs, dimension)
    kept = folder / "kept.sqlite"
    timed(folder, bundle, "few", Local(CORES), kept=kept)
    found: dict[str, list[float]] = {}
    for turn in range(3):
        for name in ("few", "given"):
            for engine in (Local(CORES), Processes(CORES)):
                for method in ("responses", "lpel"):
                    once = method == "lpel" or isinstance(engine, Processes)
                    if once and (turn or (method == "lpel" and name == "given")):
                        continue
                    times = timed(folder, bundle, name, engine, kept=kept, method=method)
                    key = f"{name}, {method}, {type(engine).__name__}"
                    found.setdefault(key, []).append(pairs / times["explaining"])
    return {
        "pairs": pairs,
        "photographs": len(paths),
        "pairs_a_second": {key: [round(rate) for rate in rates] for key, rates in found.items()},
    }


def many(folder: Path, bundle: Path, pairs: int) -> dict[str, Any]:
    """A whole job of n pairs of embeddings, and one of a tenth: time and memory."""
    found: dict[str, Any] = {}
    dimension = load_bundle(bundle).manifest.embedder.dimension
    for n in (pairs // 10, pairs):
        write_embedding_pairs(folder / "many.parquet", n, dimension)
        out = folder / f"many-{n}"
        found = batch(folder / "many.parquet", out, "--bundle", bundle)
        size = sum(path.stat().st_size for path in out.glob("*.parquet"))
        found[f"{n} pairs"] = {
            **found,
            "pairs_a_second": n / found["seconds"],
            "bytes_a_pair": size / n,
        }
        (folder / "many.parquet").unlink()
    return found


def on_ray(folder: Path, bundle: Path, paths: list[str], pairs: int) -> dict[str, Any]:
    """The same job by threads and on a Ray cluster of this machine, which is there already."""
    import ray

    from lpel_serving.batch.stages.runners import OnRay

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    begun = time.perf_counter()
    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False)
    found: dict[str, Any] = {"seconds_to_start_a_cluster": time.perf_counter() - begun}
    write_photograph_pairs(folder / "both.parquet", paths, pairs)
    engines: dict[str, StageRunner] = {"local": Local(CORES), "ray": OnRay(CORES)}
    times = {name: timed(folder, bundle, "both", engine) for name, engine in engines.items()}
    ray.shutdown()
    totals = {name: sum(of_stages.values()) for name, of_stages in times.items()}
    return {
        **found,
        "photographs": len(paths),
        "pairs": pairs,
        "seconds": times,
        "ray_by_local": totals["ray"] / totals["local"],
    }


def timed(
    folder: Path,
    bundle: Path,
    name: str,
    engine: StageRunner,
    *,
    kept: Path | None = None,
    method: str = "responses",
) -> dict[str, float]:
    """Do a job from nothing; return the seconds of each of its stages."""
    times: dict[str, float] = {}

    @contextmanager
    def watch(what: str, total: int | None, done: int) -> Iterator[ReportProgress]:
        begun = time.perf_counter()
        yield lambda done, errors: None
        times[what] = time.perf_counter() - begun

    with tempfile.TemporaryDirectory(dir=folder) as out:
        lists = Lists(folder / f"{name}.parquet")
        run(Job(lists, Path(out), bundle, BatchSettings(method), kept=kept), engine, watch)
    return times


if __name__ == "__main__":
    main()
