"""The engine of one machine: threads, which share the networks.

Decoding, inference, sums of arrays and compression all let go of Python's lock.
"""

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lpel_serving.batch.stages.stage import Done, Stage
from lpel_serving.support.cores import cores

FOR_EACH_CORE = 4
"""Threads that still help: while some compute, others wait for files."""


@dataclass(frozen=True)
class Local:
    """Does pieces of work in threads.

    Attributes
    ----------
    workers
        How many pieces at a time, at most `FOR_EACH_CORE` for each core.
    """

    workers: int

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Do pieces; when whoever listens goes away, so does the work, within a batch's time."""
        if not pieces:
            return
        stopped = threading.Event()
        work = stage.open()
        left = iter(pieces)
        workers = min(self.workers, FOR_EACH_CORE * cores())
        with ThreadPoolExecutor(workers, thread_name_prefix="lpel-batch") as pool:
            running: set[Future[Done]] = set()
            try:
                while True:
                    for piece in left:
                        running.add(pool.submit(work, piece, stopped.is_set))
                        if len(running) >= workers:
                            break
                    if not running:
                        return
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for one in ended:
                        yield one.result()
            finally:
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
