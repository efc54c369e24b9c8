"""The engine of a cluster: Ray Data with a pool of actors, each with its own networks."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lpel_serving.batch.stage import Done, Stage
from lpel_serving.extras import require


@dataclass(frozen=True)
class OnRay:
    """Has pieces of work done by actors, on a cluster whose machines share the files.

    An actor that is lost is replaced, and its piece is done again by another.

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

    def run(self, stage: Stage, pieces: Sequence[int]) -> Iterator[Done]:
        """Do pieces of a stage."""
        if not pieces:
            return
        ray: Any = self._connected()
        data = require("ray.data", "ray")
        numbers = data.from_items(
            [{"piece": piece} for piece in pieces], override_num_blocks=len(pieces)
        )
        done = numbers.map_batches(
            _Actor,
            fn_constructor_args=(ray.put(stage),),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(self.workers, len(pieces))),
            num_cpus=self.cpus,
            num_gpus=self.gpus,
        )
        for row in done.iter_rows():
            yield Done(**row)

    def _connected(self) -> Any:
        ray = require("ray", "ray")
        if not ray.is_initialized():
            ray.init(address=self.address or os.environ.get("RAY_ADDRESS"), log_to_driver=False)
        return ray


class _Actor:
    """One worker, with the networks loaded."""

    def __init__(self, stage: Any) -> None:
        self._work = require("ray", "ray").get(stage).open()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        done = [asdict(self._work(int(piece), lambda: False)) for piece in batch["piece"]]
        return {name: [one[name] for one in done] for name in done[0]}
