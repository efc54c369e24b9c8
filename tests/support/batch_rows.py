"""Looking closely at jobs: their rows with maps, what was embedded, and files that change."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lpel_serving.batch.results import maps, open_results
from lpel_serving.batch.stages.runners import Local
from lpel_serving.engine.fixed_run import FixedRun

ROLES = ("reference", "test")


def rows_of(out: Path) -> list[dict]:
    """All committed rows of a job, each map an array, or None."""
    table = open_results(out).to_table()
    names = [name for name in table.column_names if not name.endswith("_map")]
    rows = table.select(names).to_pylist()
    for name in (f"{role}_map" for role in ROLES):
        is_there = table[name].is_valid().to_pylist()
        for row, values, present in zip(rows, maps(table[name]), is_there, strict=True):
            row[name] = values if present else None
    return rows


def shards_of(out: Path) -> dict[str, bytes]:
    """The files of the results by their names."""
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.parquet"))}


@dataclass(frozen=True)
class Meddling:
    """The local engine; something happens before it begins with a stage."""

    before: Mapping[type, Callable[[], object]]
    workers: int = 1

    def run(self, stage, pieces) -> Generator:
        self.before.get(type(stage), lambda: None)()
        with closing(Local(self.workers).run(stage, pieces)) as done:
            yield from done


@dataclass(frozen=True)
class Seen:
    """The crops that went through embedders of fixed batches, without what fills them up."""

    crops: list[bytes] = field(default_factory=list)

    def watch(self, monkeypatch) -> "Seen":
        embed = FixedRun.all

        def watched(of: FixedRun, values: np.ndarray) -> list[np.ndarray]:
            self.crops.extend(crop.tobytes() for crop in values)
            return embed(of, values)

        monkeypatch.setattr(FixedRun, "all", watched)
        return self
