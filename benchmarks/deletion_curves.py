"""The cost of deletion curves beyond the embeddings that they need, and their memory.

    .venv/bin/python benchmarks/deletion_curves.py [--pairs 4] [--out FILE.json]

The time is that of `measure_curves` by that of embedding as many images bare, by turns in one
process: read the ratio. Memory is the peak of a process of its own for few pairs and for many, and
must not differ. Needs what `lpel demo` needs, and runs it first.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving import Explainer, FacePair, find_method
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings

SETTINGS = CurveSettings("test", every=8, draws=4)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=4)
    options.add_argument("--out", type=Path)
    options.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options.add_argument("--demo", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.peak:
        peak_of(chosen.demo, chosen.peak)
        return
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder)
        run = [Path(sys.executable).with_name("lpel"), "demo", "--out", str(demo)]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        result: dict[str, Any] = {
            "overhead": overhead(demo, chosen.pairs),
            "peak_mb": {n: in_own_process(demo, n) for n in (2, 12)},
        }
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")


def overhead(demo: Path, n: int, turns: int = 3) -> dict[str, Any]:
    """Median of the ratios of the curves' time to that of their embeddings alone."""
    engine, pairs = Explainer.load(demo / "bundle", crop="none"), similar_pairs(demo, n)
    images = np.stack([pair.test for pair in pairs] * 8)
    ratios: list[float] = []
    embedded = 0
    for _ in range(turns):
        start = time.perf_counter()
        measured = measure(engine, pairs)
        took = time.perf_counter() - start
        # Occlusion asks for its own: one image for each superpixel.
        embedded = measured.embedded + SETTINGS.side**2 * len(pairs)
        start = time.perf_counter()
        for done in range(0, embedded, len(images)):
            engine.embed(images[: embedded - done])
        ratios.append(took / (time.perf_counter() - start))
    orders = len(measured.names)
    return {
        "pairs": len(pairs),
        "orders": orders,
        "images_embedded": embedded,
        "images_if_every_step_were_embedded": len(pairs)
        * (orders * len(SETTINGS.replaced) + SETTINGS.side**2 + 1),
        "time_by_bare_embeddings": {"median": statistics.median(ratios), "all": ratios},
    }


def measure(engine: Explainer, pairs: list[FacePair]) -> Any:
    subject = ("LPEL", find_method("lpel"))
    return measure_curves(engine, pairs, subject, SETTINGS, np.random.default_rng(0))


def similar_pairs(demo: Path, n: int) -> list[FacePair]:
    """The demo's similar pairs, as often as needed."""
    pairs: list[FacePair] = []
    for path in sorted(demo.glob("pair-*.npz")):
        with np.load(path) as file:
            a = {key: file[key] for key in file.files}
        h_r, h_t = a["reference_embedding"], a["test_embedding"]
        if float(h_r @ h_t) > 0.3:
            pairs.append(FacePair(a["reference_crop"], a["test_crop"], h_r, h_t, True))
    return [pairs[i % len(pairs)] for i in range(n)]


def in_own_process(demo: Path, n: int) -> float:
    command = [sys.executable, __file__, "--peak", str(n), "--demo", str(demo)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peak_of(demo: Path, n: int) -> None:
    engine = Explainer.load(demo / "bundle", crop="none")
    measure(engine, similar_pairs(demo, n))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
