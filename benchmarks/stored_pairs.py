"""Pairs explained from simulations that a batch job keeps, beside `responses`.

    .venv/bin/python benchmarks/stored_pairs.py --bundle BUNDLE --faces lfw \
        --out benchmarks/results/stored_pairs.json

Both take turns in one run, and times are those of the processor: read the ratios.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from batched.synthetic import write_photograph_pairs
from lpel_serving import Explainer, find_method
from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import Job, prepare
from lpel_serving.batch.results import maps, open_results
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from lpel_serving.support.cores import cores
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import ReportProgress

METHODS = ("responses", "surrogate")
EMBEDDED, CHECKED = 256, 20
"""Photographs of the first stage's comparison, and pairs that are held against the engine."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bundle", type=Path, required=True)
    options.add_argument("--faces", type=Path, required=True)
    options.add_argument("--photographs", type=int, default=1536)
    options.add_argument("--pairs", type=int, default=100_000)
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    people = sorted(chosen.faces.iterdir())
    paths = [str(next(one.glob("*.jpg")).resolve()) for one in people[: chosen.photographs]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_photograph_pairs(folder / "few.parquet", paths[:EMBEDDED], EMBEDDED)
        write_photograph_pairs(folder / "all.parquet", paths, chosen.pairs)
        result = measured(folder, chosen.bundle, chosen.pairs, chosen.turns)
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if chosen.out:
        write_atomically(chosen.out, text.encode())


def measured(folder: Path, bundle: Path, pairs: int, turns: int) -> dict[str, Any]:
    """Compare both stages, and the maps with the engine's."""
    first: dict[str, list[float]] = {method: [] for method in METHODS}
    second: dict[str, list[float]] = {method: [] for method in METHODS}
    kept = folder / "kept.sqlite"
    stages(folder, bundle, "all", "surrogate", kept)
    for _ in range(turns):
        for method in METHODS:
            first[method].append(stages(folder, bundle, "few", method)["embedding"])
            second[method].append(stages(folder, bundle, "all", method, kept)["explaining"])
    return {
        "cores": cores(),
        "bytes_a_photograph": bytes_a_photograph(folder, bundle),
        "first_stage_by_responses": ratios(first),
        "pairs_a_processor_second": {
            m: [round(pairs / s) for s in took] for m, took in second.items()
        },
        "second_stage_by_responses": ratios(second),
        "maps_that_are_the_engine_s_bytes": same_bytes(folder, bundle),
    }


def ratios(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Time by `surrogate` over time by `responses`, turn by turn."""
    both = zip(*(seconds[method] for method in METHODS), strict=True)
    found = [round(simulated / responded, 3) for responded, simulated in both]
    return {"median": statistics.median(found), "turns": found}


def bytes_a_photograph(folder: Path, bundle: Path) -> int:
    """What the first stage keeps of a photograph beside its embedding."""
    job = Job(Lists(folder / "few.parquet"), folder / "none", bundle, BatchSettings("surrogate"))
    simulations = prepare(job).keeping.simulations
    return 0 if simulations is None else simulations.arrays.bytes


def same_bytes(folder: Path, bundle: Path) -> str:
    """How many maps of a job are those of `Explainer`, to the bit."""
    out = folder / "checked"
    run(job_of(folder, bundle, "few", "surrogate", out), Local(cores()))
    found = open_results(out).to_table(columns=["test_map", "reference_map"])
    of_tests, of_references = maps(found["test_map"]), maps(found["reference_map"])
    rows = pq.read_table(folder / "few.parquet").to_pylist()[:CHECKED]
    method, explainer = find_method("surrogate", size=1), Explainer.load(bundle)
    same = 0
    for row, forward, swapped in zip(rows, of_tests, of_references, strict=False):
        alone = explainer.explain(row["reference"], row["test"], method=method)
        same += np.array_equal(alone.forward.heat_map, forward)
        same += np.array_equal(alone.swapped.heat_map, swapped)
    return f"{same} of {2 * len(rows)}"


def job_of(
    folder: Path, bundle: Path, name: str, method: str, out: Path, kept: Path | None = None
) -> Job:
    return Job(Lists(folder / f"{name}.parquet"), out, bundle, BatchSettings(method), kept=kept)


def stages(
    folder: Path, bundle: Path, name: str, method: str, kept: Path | None = None
) -> dict[str, float]:
    """Do a job from nothing; return the processor seconds of each stage."""
    times: dict[str, float] = {}

    @contextmanager
    def watch(what: str, total: int | None, done: int) -> Iterator[ReportProgress]:
        del total, done
        begun = time.process_time()
        yield lambda done, errors: None
        times[what] = time.process_time() - begun

    with tempfile.TemporaryDirectory(dir=folder) as out:
        run(job_of(folder, bundle, name, method, Path(out), kept), Local(cores()), watch)
    return times


if __name__ == "__main__":
    main()
