"""What the rivals share: pairs in, maps out, and a network that counts what passes through it.

It knows numpy and onnxruntime alone, for it is imported in the environments of others.
"""

import argparse
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

SAVE_EVERY = 4


@dataclass(frozen=True, eq=False)
class Pair:
    """One line of PAIRS.npz: the test is explained in comparison with the reference."""

    reference: np.ndarray
    test: np.ndarray
    h_r: np.ndarray
    similar: bool


class Counted:
    """The embedder in ONNX: any array of pixels 0 to 255 in, embeddings out, images counted."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.images = 0

    def __call__(self, images: Any) -> np.ndarray:
        """Embed; masked pixels come as floats, and the network takes bytes."""
        pixels = np.clip(np.rint(np.asarray(images)), 0, 255).astype(np.uint8)
        self.images += len(pixels)
        return self.session.run(["embedding"], {"image": pixels})[0]


# A pair and a seed to the package's map of what makes the test SIMILAR to the reference, (H, W).
Explain = Callable[[Pair, int], Any]


def arguments(description: str | None, methods: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("pairs", type=Path)
    options.add_argument("maps", type=Path)
    options.add_argument("--embedder", type=Path, required=True)
    options.add_argument("--methods", nargs="+", choices=methods, default=methods)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--limit", type=int, help="only the first pairs, for a trial")
    return options.parse_args()


def run(options: argparse.Namespace, explainers: dict[str, Explain], counted: Any) -> None:
    """Explain every pair by every method, going on where an earlier run stopped."""
    pairs = read_pairs(options.pairs, options.limit)
    maps = read_maps(options.maps)
    for name in options.methods:
        seeds = np.random.default_rng([options.seed, zlib.crc32(name.encode())])
        chosen = seeds.integers(2**31, size=len(pairs))
        for i in range(len(maps.get(name, ())), len(pairs)):
            add(maps, name, measure(explainers[name], pairs[i], int(chosen[i]), counted))
            took, asked = maps[f"{name}.seconds"][-1], maps[f"{name}.embeddings"][-1]
            print(f"{name} {i + 1}/{len(pairs)}: {took:.2f} s, {asked} embeddings", flush=True)
            if (i + 1) % SAVE_EVERY == 0 or i + 1 == len(pairs):
                write_maps(options.maps, maps)


def measure(explain: Explain, pair: Pair, seed: int, counted: Any) -> tuple[np.ndarray, float, int]:
    counted.images = 0
    start = time.perf_counter()
    similarity = np.asarray(explain(pair, seed), np.float32)
    took = time.perf_counter() - start
    assert similarity.shape == pair.test.shape[:2], similarity.shape
    # What speaks for likeness speaks against the decision that two are not alike.
    return (similarity if pair.similar else -similarity), took, int(counted.images)


def add(maps: dict[str, list[Any]], name: str, measured: tuple[np.ndarray, float, int]) -> None:
    for suffix, value in zip(("", ".seconds", ".embeddings"), measured, strict=True):
        maps.setdefault(name + suffix, []).append(value)


def read_pairs(path: Path, limit: int | None) -> list[Pair]:
    with np.load(path) as file:
        columns = [file[key] for key in ("reference", "test", "h_r", "similar")]
    lines = list(zip(*columns, strict=True))[:limit]
    return [Pair(r, t, h_r, bool(similar)) for r, t, h_r, similar in lines]


def read_maps(path: Path) -> dict[str, list[Any]]:
    if not path.exists():
        return {}
    with np.load(path) as file:
        return {key: list(file[key]) for key in file.files}


def write_maps(path: Path, maps: dict[str, list[Any]]) -> None:
    """Write under a temporary name and rename, so that a run that is cut off leaves the old."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **{key: np.stack(values) for key, values in maps.items()})
    partial.replace(path)
