"""The engine of a cluster: Ray Data with a pool of actors, each with its own networks."""

import contextlib
import logging
import os
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from lpel_serving.batch.stage import Done, Stage, Work
from lpel_serving.errors import LpelError, ParameterError
from lpel_serving.extras import require

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told what is done here
    "RAY_AUTH_MODE": "token",  # Ray's own choice for a cluster that is started here; named, quietly
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Ray Data's own actors give rise to warnings of its core
}


@dataclass
class OnRay:
    """Has pieces of work done by actors, on a cluster whose machines share the files.

    An actor that is lost is replaced, and its piece is done again by another. As a context it
    shuts down at its end a cluster that it started; else that lasts as long as the process.

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
    _started: bool = field(default=False, init=False, repr=False)

    def __enter__(self) -> "OnRay":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._started:
            require("ray", "ray").shutdown()
            self._started = False

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
            try:
                for row in done.iter_rows():
                    yield Done(**row)
            except Exception as error:
                if (ours := _ours(error)) is None:
                    raise
                raise ours from None

    def _connect(self) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        ray = require("ray", "ray")
        if ray.is_initialized():
            return
        address = self.address or os.environ.get("RAY_ADDRESS")
        starting = {"include_dashboard": False} if address in (None, "local") else {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **starting)
        except (ConnectionError, ValueError) as error:
            raise ParameterError(f"there is no cluster of Ray at {address}: {error}") from error
        self._started = bool(starting)


@contextlib.contextmanager
def _quietly(data: Any) -> Generator[None]:
    """Let Ray Data not speak of its progress: a job tells of its own."""
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


def _ours(error: BaseException | None) -> LpelError | None:
    """Find what a piece of work raised in what Ray made of it."""
    ray = require("ray", "ray")
    while error is not None:
        if isinstance(error, LpelError) and not isinstance(error, ray.exceptions.RayError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


class _Actor:
    """One worker; it loads the networks with its first piece.

    An actor that cannot be made would be made anew without end; a piece that fails ends the job.
    """

    def __init__(self, stage: Stage, folder: str) -> None:
        # Where paths that are not absolute begin; all may be, and this machine not have it.
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._stage = stage
        self._work: Work | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        if self._work is None:
            self._work = self._stage.open()
        done = [asdict(self._work(int(piece), lambda: False)) for piece in batch["piece"]]
        return {name: [one[name] for one in done] for name in done[0]}
