"""Loss of accuracy and gain in speed of embedders in lower precision.

    .venv/bin/python benchmarks/precision.py --faces lfw --pairs pairsDevTrain.txt --bundle BUNDLE \
        --out benchmarks/results/precision.json

For float32, float16 and int8: how well the embedder verifies the pairs, how near its embeddings
and heat-maps are to those of float32, its size, and its speed by turns with float32 on the CPU with
two threads. int8 is calibrated on people who are in none of the pairs. Heat-maps are compared for
the decisions of float32. Embeddings are kept in --work: an interrupted run goes on where it was.
"""

import argparse
import hashlib
import io
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lpel_export.precision.choice import PRECISIONS, in_precision
from lpel_serving import Explainer
from lpel_serving.bundle.loading import Bundle, load_bundle
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE
from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.photographs import embed_photographs
from lpel_serving.engine.session import open_session
from lpel_serving.equations.agreement import spearman
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import Decisions, decide_many
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.cutting import read_face
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import FacePair
from lpel_serving.support.files import write_atomically
from lpel_serving.verification.accuracy import verification

METHODS = {"responses": Responses(), "lpel": Lpel()}
THREADS, BATCH, BLOCK = 2, 8, 4
WORK = Path(tempfile.gettempdir()) / "lpel-precision"


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--faces", type=Path, required=True)
    options.add_argument("--pairs", type=Path, required=True)
    options.add_argument("--bundle", type=Path, required=True)
    options.add_argument("--calibrate", type=int, default=128, help="faces for int8")
    options.add_argument("--rounds", type=int, default=20, help="turns of the timing; 0 for none")
    options.add_argument("--most", type=int, help="the number of pairs of each kind to use")
    options.add_argument("--work", type=Path, default=WORK)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    bundle = load_bundle(chosen.bundle)
    pairs = read_pairs(chosen.pairs, chosen.faces)
    crops, calibration = calibration_crops(bundle, chosen.faces, pairs, chosen.calibrate)
    models = {name: in_precision(bundle.embedder, name, crops) for name in PRECISIONS}
    rows = quality(chosen.bundle, bundle, models, some(pairs, chosen.most), chosen.work)
    for name, speed in speeds(models, crops[:BATCH], chosen.rounds).items():
        rows[name] |= {"megabytes": len(models[name]) / 1e6, "times_float32": speed}
    result = {"calibration": calibration, "machine": machine(), "precisions": rows}
    print(table(result))
    if chosen.out:
        write_atomically(chosen.out, (json.dumps(result, indent=2) + "\n").encode())


def some(pairs: Sequence[Pair], most: int | None) -> list[Pair]:
    """Take as many of the first pairs of each kind."""
    kinds = ([pair for pair in pairs if pair.same == same] for same in (True, False))
    return [pair for kind in kinds for pair in kind[:most]]


def calibration_crops(
    bundle: Bundle, folder: Path, pairs: Sequence[Pair], n: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Crops of faces of people who are in no pair, and what they are."""
    tested = {path.parent.name for pair in pairs for path in (pair.reference, pair.test)}
    faces = [face for face in list_faces(folder) if face.identity not in tested]
    order = np.random.default_rng(0).permutation(len(faces))[:n]
    if len(order) < n:
        raise SystemExit(f"only {len(order)} photographs show people who are in no pair.")
    crop, shape = parse_crop(bundle.manifest.crop), bundle.manifest.embedder.shape
    crops = np.stack([read_face(faces[int(place)].path, crop, shape) for place in order])
    people = len({faces[int(place)].identity for place in order})
    return crops, {"photographs": n, "people": people, "of": len(faces), "seed": 0}


def quality(
    folder: Path, bundle: Bundle, models: dict[str, bytes], pairs: Sequence[Pair], work: Path
) -> dict[str, dict[str, Any]]:
    """Accuracy, and nearness of embeddings, reconstructions and heat-maps to those of float32."""
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test)))
    place = {path: i for i, path in enumerate(paths)}
    references = [place[pair.reference] for pair in pairs]
    tests = [place[pair.test] for pair in pairs]
    same, threshold = np.array([pair.same for pair in pairs]), bundle.manifest.threshold.value
    explainer, rows = Explainer.load(folder, threads=THREADS), {}
    exact = embedded(bundle, models["float32"], paths, work, "float32")
    similar = decide_many(COSINE, exact[references], exact[tests], threshold).similar
    wanted = maps(explainer, exact[references], exact[tests], similar, "float32")
    for name, model in models.items():
        h = embedded(bundle, model, paths, work, name)
        similarities = cosine_similarity(h[references], h[tests])
        verified = verification(similarities, same, threshold)
        cosines = cosine_similarity(exact, h)
        error = np.concatenate(
            [
                explainer.decode(h[i : i + 256]) - explainer.decode(exact[i : i + 256])
                for i in range(0, len(h), 256)
            ]
        )
        given = maps(explainer, h[references], h[tests], similar, name)
        rows[name] = {
            "pairs": len(pairs),
            "photographs": len(paths),
            "at_threshold": asdict(verified.at_threshold),
            "best": asdict(verified.best),
            "auc": verified.auc,
            "decisions_changed": int(np.sum(Decisions(similarities, threshold).similar != similar)),
            "cosine": {"min": float(cosines.min()), "mean": float(cosines.mean())},
            "reconstruction_rms_error": float(np.sqrt(np.mean(np.square(error)))),
            "spearman": likeness(wanted, given, similar),
        }
    return rows


def embedded(
    bundle: Bundle, model: bytes, paths: Sequence[Path], work: Path, name: str
) -> np.ndarray:
    """Embed the photographs, or read what was embedded before with the same model."""
    digest = hashlib.sha256(model + "\n".join(map(str, paths)).encode()).hexdigest()
    store = work / f"{name}-{digest[:16]}.npy"
    if store.is_file():
        return np.load(store)
    record, crop = bundle.manifest.embedder, parse_crop(bundle.manifest.crop)
    embedder = Embedder(model, record, crop, threads=THREADS)
    found = embed_photographs(
        embedder, COSINE, paths, progress=lambda what, n: progress_bar(f"{what} in {name}", n)
    )
    if not np.isfinite(found).all():
        raise SystemExit("the crop found no face in some photographs: leave their pairs out.")
    buffer = io.BytesIO()
    np.save(buffer, found)
    write_atomically(store, buffer.getvalue())
    return found


def maps(
    explainer: Explainer, references: np.ndarray, tests: np.ndarray, similar: np.ndarray, name: str
) -> dict[str, list[np.ndarray]]:
    """Heat-maps of all pairs by each method; these methods look at no pixels."""
    methods = {key: METHODS[key] for key in METHODS if key != "responses" or explainer.responds}
    blank, rng = np.zeros((1, 1, 3), np.uint8), np.random.default_rng(0)
    made: dict[str, list[np.ndarray]] = {key: [] for key in methods}
    with progress_bar(f"heat-maps in {name}", len(similar)) as advance:
        for h_r, h_t, alike in zip(references, tests, similar, strict=True):
            pair = FacePair(blank, blank, h_r, h_t, bool(alike))
            for key, method in methods.items():
                made[key].append(method(pair, explainer, rng))
            advance(1)
    return made


def likeness(
    wanted: dict[str, list[np.ndarray]], given: dict[str, list[np.ndarray]], similar: np.ndarray
) -> dict[str, Any]:
    """Spearman's correlation of heat-maps: median and 5th percentile, by method and decision."""
    found: dict[str, Any] = {}
    for key, exact in wanted.items():
        values = np.array([spearman(a, b) for a, b in zip(exact, given[key], strict=True)])
        for kind, those in (("similar", values[similar]), ("dissimilar", values[~similar])):
            low, median = np.percentile(those, [5, 50])
            found.setdefault(key, {})[kind] = {"median": float(median), "p5": float(low)}
    return found


def speeds(models: dict[str, bytes], batch: np.ndarray, rounds: int) -> dict[str, float | None]:
    """Times as fast as float32: the median over rounds in which each takes its turn."""
    if not rounds:
        return dict.fromkeys(models)
    opened = partial(open_session, input_name=IMAGE, output_name=EMBEDDING, threads=THREADS)
    sessions = {name: opened(model) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    with progress_bar("timing", rounds) as advance:
        for number in range(rounds):
            for name in map(str, np.roll(list(models), number)):  # no one always comes first
                sessions[name].run(batch)  # while the threads of the one before stop spinning
                start = time.perf_counter()
                for _ in range(BLOCK):
                    sessions[name].run(batch)
                seconds[name].append(time.perf_counter() - start)
            advance(1)
    exact = np.array(seconds["float32"])
    return {name: float(np.median(exact / np.array(taken))) for name, taken in seconds.items()}


def machine() -> dict[str, Any]:
    """What determines the speed: the processor, and whether it has instructions for 8 bits."""
    about = Path("/proc/cpuinfo")
    text = about.read_text(encoding="utf-8") if about.is_file() else ""
    vnni = [flag for flag in ("avx512_vnni", "avx_vnni") if flag in text.split()]
    return {"machine": platform.machine(), "vnni": vnni, "provider": "cpu", "threads": THREADS}


def table(result: dict[str, Any]) -> str:
    """The result as Markdown tables."""
    rows, about = result["precisions"], result["calibration"]
    first = next(iter(rows.values()))
    about_all = (
        f"{first['pairs']} pairs, {first['photographs']} photographs; int8 calibrated on "
        f"{about['photographs']} photographs of {about['people']} people in none of the pairs. "
        f"CPU, {THREADS} threads, VNNI: {', '.join(result['machine']['vnni']) or 'no'}."
    )
    head = (
        "| | MB | times as fast | accuracy at the threshold | at the best | decisions changed "
        "| cosine, min | mean | reconstruction, rms error |"
    )
    lines = [about_all, "", head, "|---" * 9 + "|"]
    for name, row in rows.items():
        speed = "-" if row["times_float32"] is None else f"{row['times_float32']:.2f}"
        lines.append(
            f"| {name} | {row['megabytes']:.1f} | {speed} | {row['at_threshold']['total']:.2%} | "
            f"{row['best']['accuracy']:.2%} | {row['decisions_changed']} | "
            f"{row['cosine']['min']:.5f} | {row['cosine']['mean']:.5f} | "
            f"{row['reconstruction_rms_error']:.5f} |"
        )
    heads = [(method, kind) for method in first["spearman"] for kind in ("similar", "dissimilar")]
    lines += ["", "Heat-maps against float32: Spearman's correlation, median (5th percentile).", ""]
    lines.append("| | " + " | ".join(f"{method}, {kind}" for method, kind in heads) + " |")
    lines.append("|---" * (1 + len(heads)) + "|")
    for name, row in rows.items():
        cells = [row["spearman"][method][kind] for method, kind in heads]
        lines.append(
            f"| {name} | " + " | ".join(f"{c['median']:.4f} ({c['p5']:.4f})" for c in cells) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
