"""Engines to compare with: processes, and what onnxruntime does with nothing around it."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lpel_serving.batch.stages.stage import Done, Stage, StageRunner, Work

BATCH = 8
_opened: list[Work] = []
"""In each process, the one stage that it works on."""


@dataclass(frozen=True)
class Processes:
    """Does pieces of work in processes, each with its own networks."""

    workers: int

    def run(self, stage: Stage, pieces: Sequence[int]) -> Iterator[Done]:
        if not pieces:
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, spawn, _open, (stage,)) as pool:
            for ended in as_completed([pool.submit(_do, piece) for piece in pieces]):
                yield ended.result()


def _open(stage: Stage) -> None:
    _opened.append(stage.open())


def _do(piece: int) -> Done:
    return _opened[-1](piece, lambda: False)


@dataclass(frozen=True)
class Opened:
    """A stage whose networks are loaded already."""

    work: Work

    def open(self) -> Work:
        return self.work


def seconds(engine: StageRunner, stage: Stage, pieces: Sequence[int]) -> float:
    """Time an engine with a stage."""
    begun = time.perf_counter()
    for _ in engine.run(stage, pieces):
        pass
    return time.perf_counter() - begun


class BareEmbedder:
    """onnxruntime alone, on crops that lie ready: one inference at a time, or one on each core."""

    def __init__(self, model: bytes, crops: NDArray[np.uint8]) -> None:
        self._crops = crops
        self._cores = len(os.sched_getaffinity(0))
        self._whole, self._single = _session(model, self._cores), _session(model, 1)

    def rates(self, images: int) -> dict[str, float]:
        """Images a second in both ways, over n images each."""
        batches = [self._crops[i : i + BATCH] for i in range(0, len(self._crops), BATCH)]
        batches = (batches * (1 + images // len(self._crops)))[: images // BATCH]

        def all_cores() -> None:
            for batch in batches:
                self._whole(batch)

        def each_core() -> None:
            with ThreadPoolExecutor(self._cores) as pool:
                list(pool.map(self._single, batches))

        return {
            name: images / _time(run)
            for name, run in (("one_inference", all_cores), ("one_on_each_core", each_core))
        }


def _session(model: bytes, threads: int) -> Callable[[NDArray[np.uint8]], Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})


def _time(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
