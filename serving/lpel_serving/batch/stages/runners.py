"""Runs the pieces of a stage: in threads of this machine, or by Ray actors on a cluster."""

import logging
import os
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from lpel_serving.batch.stages.stage import Done, Stage, Work
from lpel_serving.support.cores import cores
from lpel_serving.support.errors import LpelError, ParameterError
from lpel_serving.support.extras import require

FOR_EACH_CORE = 4
"""More threads than cores help: while some compute, others wait for files."""


@dataclass(frozen=True)
class Local:
    """Runs pieces of work in threads, which share the networks.

    Decoding, inference, sums of arrays and compression all release Python's global lock.

    Attributes
    ----------
    workers
        Pieces at a time, at most `FOR_EACH_CORE` for each core.
    """

    workers: int

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Run pieces; when the caller closes the iterator, work stops within a batch's time."""
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


_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no usage statistics
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Ray Data's own actors cause warnings of its core
}


@dataclass
class OnRay:
    """Runs pieces of work by actors of Ray Data, on a cluster whose machines share the files.

    Each actor loads the networks for itself.

    A lost actor is replaced, and its piece is run again by another. As a context manager it shuts
    down a cluster that it started itself, which would otherwise last as long as the process; what
    Ray prints meanwhile goes to standard error.

    Attributes
    ----------
    workers
        How many actors.
    address
        The cluster, as `ray.init` takes it; when None the one that ``RAY_ADDRESS`` names, else one
        that is started here for as long as the job lasts.
    cpus, gpus
        What each actor has to itself.
    """

    workers: int
    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    def __enter__(self) -> "OnRay":
        self._open.enter_context(redirect_stdout(sys.stderr))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Do pieces of a stage."""
        if not pieces:
            return
        self._connect()
        data = require("ray.data", "ray")
        with _quietly(data):
            numbers = data.from_items(
                [{"piece": piece} for piece in pieces], override_num_blocks=len(pieces)
            )
            done = numbers.map_batches(
                _Actor,
                fn_constructor_args=(stage, str(Path.cwd())),
                batch_size=1,
                compute=data.ActorPoolStrategy(size=min(self.workers, len(pieces))),
                num_cpus=self.cpus,
                num_gpus=self.gpus,
            )
            for row in done.iter_rows():
                if isinstance(row["done"], Exception):
                    raise row["done"]
                yield row["done"]

    def _connect(self) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        ray = require("ray", "ray")
        if ray.is_initialized():
            return
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        starting = {"include_dashboard": False} if address == "local" else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **starting)
        except (ConnectionError, ValueError) as error:
            raise ParameterError(f"there is no cluster of Ray at {address}: {error}") from error
        if starting:
            self._open.callback(ray.shutdown)


@contextmanager
def _quietly(data: Any) -> Generator[None]:
    """Silence Ray Data's progress output: the job reports its own."""
    logger = logging.getLogger("ray.data")
    level, context = logger.level, data.DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    logger.setLevel(logging.CRITICAL)
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        yield
    finally:
        logger.setLevel(level)
        context.enable_progress_bars, context.print_on_execution_start = before


class _Actor:
    """One worker; loads the networks with its first piece.

    An actor that fails to start would be restarted without end; a piece that fails ends the job.
    """

    def __init__(self, stage: Stage, folder: str) -> None:
        # The base of relative paths; if all paths are absolute, it may be missing on this machine.
        with suppress(OSError):
            os.chdir(folder)
        self._stage = stage
        self._work: Work | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"done": [self._do(int(piece)) for piece in batch["piece"]]}

    def _do(self, piece: int) -> Done | LpelError | OSError:
        """Run a piece, or return what went wrong in short: Ray's own errors are pages long."""
        try:
            if self._work is None:
                self._work = self._stage.open()
            return self._work(piece, lambda: False)
        except (LpelError, OSError) as error:
            return error
