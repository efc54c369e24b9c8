"""Time and memory of explaining pairs: keras-facenet as a Keras user would call it, and the engine.

    .venv/bin/python benchmarks/explanation.py [--pairs 24] [--out FILE.json]

Both explain the same crops both ways in one process, by turns, so that what else the machine does
meets both: read the ratios, not the times. Import and memory are measured in a process for each.
Needs what `lpel demo` needs, and runs it first.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving import Explainer
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import decide, decide_many
from lpel_serving.methods.decoded.lpel import Lpel, explain_embeddings

Pairs = list[tuple[np.ndarray, np.ndarray]]


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=24)
    options.add_argument("--out", type=Path)
    options.add_argument("--first", choices=["keras", "engine"], help=argparse.SUPPRESS)
    options.add_argument("--demo", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.first:
        first_explanation(chosen.first, chosen.demo)
        return
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder)
        run = [Path(sys.executable).with_name("lpel"), "demo", "--out", str(demo)]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        result = {
            "one_pair": one_pair(demo, chosen.pairs),
            "batched": batched(demo, chosen.pairs),
            "first_explanation": {name: in_own_process(name, demo) for name in ("keras", "engine")},
        }
    print(table(result))
    if chosen.out:
        chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def one_pair(demo: Path, n: int) -> dict[str, Any]:
    """Pair by pair: milliseconds at the median and at 95 %, and the engine's own overhead."""
    keras, engine = keras_user(demo), Explainer.load(demo / "bundle", crop="none")
    by_lpel = partial(engine.explain, method=Lpel())
    pairs = distinct_pairs(demo, n)
    # In blocks, since TensorFlow's threads go on spinning for a while after each call.
    times = by_turns({"keras": keras, "engine": by_lpel}, pairs, block=8)
    alone = by_turns({"engine": by_lpel, "bare": lambda a, b: engine.embedder.embed([a, b])}, pairs)
    return {name: percentiles(values) for name, values in times.items()} | {
        "keras_over_engine": float(np.median(times["keras"]) / np.median(times["engine"])),
        "without_keras_beside": {name: percentiles(values) for name, values in alone.items()},
        "engine_overhead": float(np.median(alone["engine"] / alone["bare"])) - 1,
    }


def batched(demo: Path, n: int, repeats: int = 5) -> dict[str, Any]:
    """All pairs at once: milliseconds a pair at the median of the repeats."""
    ways = {
        "keras": keras_batch(demo),
        "engine": partial(
            Explainer.load(demo / "bundle", crop="none").explain_pairs, method=Lpel()
        ),
    }
    times = by_turns(ways, [(distinct_pairs(demo, n),)] * repeats)
    return {
        "keras_ms": float(np.median(times["keras"]) / n * 1000),
        "engine_ms": float(np.median(times["engine"]) / n * 1000),
        "keras_over_engine": float(np.median(times["keras"] / times["engine"])),
    }


def by_turns(
    ways: dict[str, Callable[..., Any]], inputs: Sequence[tuple[Any, ...]], block: int = 1
) -> dict[str, np.ndarray]:
    """Time each way on each input, in seconds, by turns of a block each; once before untimed."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for function in ways.values():
        function(*inputs[0])
    for number, first in enumerate(range(0, len(inputs), block)):
        for name in np.roll(list(ways), number):  # no way always comes first
            for values in inputs[first : first + block]:
                start = time.perf_counter()
                ways[str(name)](*values)
                times[str(name)].append(time.perf_counter() - start)
    return {name: np.array(measured) for name, measured in times.items()}


def first_explanation(name: str, demo: Path) -> None:
    """From the start of the process to the first explanation; prints the peak memory."""
    pair = distinct_pairs(demo, 1)[0]
    if name == "keras":
        keras_user(demo)(*pair)
    else:
        Explainer.load(demo / "bundle", crop="none").explain(*pair, method=Lpel())
    # Not ru_maxrss: on Linux that starts from the peak of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8").split()
    print(float(status[status.index("VmHWM:") + 1]) / 1024)


def in_own_process(name: str, demo: Path) -> dict[str, float]:
    """Seconds and peak memory (MB) of a process that explains one pair; the best of three."""
    command = [sys.executable, __file__, "--first", name, "--demo", str(demo)]
    seconds, megabytes = [], []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        megabytes.append(float(done.stdout.split()[-1]))
    return {"seconds": min(seconds), "peak_mb": min(megabytes)}


def keras_user(demo: Path) -> Callable[[np.ndarray, np.ndarray], Any]:
    """The method as a Keras user would write it: `embeddings()`, then `predict` at each step."""
    facenet, decoder, threshold = keras_networks(demo)

    def explain(reference: np.ndarray, test: np.ndarray) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):  # predict draws a bar for each call
            h = facenet.embeddings([reference, test])
            similar = decide(COSINE, h[0], h[1], threshold).similar
            return [
                explain_embeddings(decoder.predict, h[[r]], h[[t]], np.array([similar]))
                for r, t in ((0, 1), (1, 0))
            ]

    return explain


def keras_batch(demo: Path) -> Callable[[Pairs], Any]:
    """The same on all pairs at once: `predict` in Keras' own batches of 32."""
    facenet, decoder, threshold = keras_networks(demo)

    def explain(pairs: Pairs) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            h = facenet.embeddings([image for pair in pairs for image in pair])
            references, tests = h[::2], h[1::2]
            similar = decide_many(COSINE, references, tests, threshold).similar
            return [
                explain_embeddings(decoder.predict, r, t, similar)
                for r, t in ((references, tests), (tests, references))
            ]

    return explain


def keras_networks(demo: Path) -> tuple[Any, Any, float]:
    """keras-facenet's own object around the cached weights, the Keras decoder, the threshold."""
    from keras_facenet import FaceNet, metadata

    from lpel_serving.bundle.loading import read_manifest
    from lpel_tf.decoders.decoder import to_keras
    from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
    from lpel_tf.networks.weights import fetch
    from lpel_tf.pretrained import load_pretrained

    wrapper = object.__new__(FaceNet)  # its constructor would download what the cache has
    wrapper.metadata = metadata.MODEL_METADATA[DEFAULT_KEY]
    wrapper.model = build(facenet(DEFAULT_KEY), fetch(facenet(DEFAULT_KEY)))
    decoder = to_keras(load_pretrained(DEFAULT_KEY).decoder)
    return wrapper, decoder, read_manifest(demo / "bundle").threshold.value


def distinct_pairs(demo: Path, n: int) -> Pairs:
    """Pairs of the demo's crops, each image different: shifted a little, so none is cached."""
    crops: list[np.ndarray] = []
    for path in sorted(demo.glob("pair-*.npz")):
        with np.load(path) as arrays:
            crops += [arrays["reference_crop"], arrays["test_crop"]]
    images = [np.roll(crops[i % len(crops)], i // len(crops), axis=1) for i in range(2 * n)]
    return list(zip(images[::2], images[1::2], strict=True))


def percentiles(seconds: np.ndarray) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    p50, p95 = np.percentile(seconds * 1000, [50, 95])
    return {"p50_ms": float(p50), "p95_ms": float(p95)}


def table(result: dict[str, Any]) -> str:
    """The result as a Markdown table."""
    one, many, first = result["one_pair"], result["batched"], result["first_explanation"]
    keras, engine = one["keras"], one["engine"]
    rows = [
        ("one pair, p50", keras["p50_ms"], engine["p50_ms"], "ms"),
        ("one pair, p95", keras["p95_ms"], engine["p95_ms"], "ms"),
        ("in batches, a pair", many["keras_ms"], many["engine_ms"], "ms"),
        ("start to first", first["keras"]["seconds"], first["engine"]["seconds"], "s"),
        ("peak memory of that", first["keras"]["peak_mb"], first["engine"]["peak_mb"], "MB"),
    ]
    lines = ["| | Keras | engine | ratio |", "|---|---|---|---|"]
    lines += [f"| {what} | {a:.3g} {u} | {b:.3g} {u} | {a / b:.1f} |" for what, a, b, u in rows]
    lines.append(f"\nOverhead over the bare embeddings: {one['engine_overhead']:+.1%} (median).")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
