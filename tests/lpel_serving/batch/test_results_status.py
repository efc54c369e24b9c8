"""How far a job is, at any time."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lpel_serving.batch.results import Status, open_results, status
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.errors import OutputError
from support.batch import make_job, pair_up, read_results, run_here, write_csv

ROWS = 250
"""Of a method that has a hundred in a shard."""


@dataclass(frozen=True)
class Watching(Local):
    """Looks how far the job is after so many pieces of a stage, and stops it there."""

    out: Path
    stage: str
    pieces: int
    seen: list[Status] = field(default_factory=list)

    def run(self, stage, pieces):
        for done, one in enumerate(super().run(stage, pieces), 1):
            yield one
            if (type(stage).__name__, done) == (self.stage, self.pieces):
                self.seen.append(status(self.out))
                raise KeyboardInterrupt


@pytest.fixture
def job(tmp_path, tiny_bundle, pictures):
    pictures[5].write_bytes(b"no image")
    listed = write_csv(tmp_path / "pairs.csv", pair_up(pictures, ROWS))
    settings = BatchSettings("centre")
    return make_job(tiny_bundle, listed, tmp_path / "out", settings=settings)


def stopped_at(job, stage, pieces):
    """Stop a job there; say what its status was while it ran."""
    engine = Watching(1, job.out, stage, pieces)
    with pytest.raises(KeyboardInterrupt):
        run(job, engine)
    (seen,) = engine.seen
    return seen


def test_a_job_that_was_not_planned_is_planning(job):
    job.lists.rows.write_text("no,list\n1,2\n")
    with pytest.raises(ValueError, match="no column"):
        run_here(job)
    assert status(job.out) == Status("stopped", "planning", 0, 0, 0, None, None, None)


def test_a_job_tells_how_far_it_is(job):
    running = stopped_at(job, "Embedding", 1)
    assert running == Status("running", "embedding", 0, 0, 0, 3, 6, 6)
    assert status(job.out) == replace(running, state="stopped")

    running = stopped_at(job, "Explaining", 2)
    rows = read_results(job.out)
    assert running.rows_committed == len(rows) == 200
    assert running.errors == sum(row["status"] == "error" for row in rows) > 0
    expected = Status("running", "explaining", 200, running.errors, 2, 3, 6, 6)
    assert running == expected
    assert status(job.out) == replace(expected, state="stopped")

    done = run_here(job)
    assert (done.rows, done.embedded) == (ROWS, 0)
    assert status(job.out) == Status("done", "nothing", ROWS, done.errors, 3, 3, 6, 6)


def test_a_shard_that_was_lost_is_still_to_be_made(job):
    run_here(job)
    before = read_results(job.out)
    next(iter(sorted(job.out.glob("*.parquet")))).unlink()
    found = status(job.out)
    assert (found.state, found.shards_committed, found.rows_committed) == ("stopped", 2, 150)
    assert [row["pair_id"] for row in read_results(job.out)] == [str(i) for i in range(100, ROWS)]
    run_here(job)
    assert status(job.out).state == "done"
    assert read_results(job.out) == before


def test_what_is_no_job_has_no_status(tmp_path):
    (tmp_path / "job.json").mkdir()
    for out in (tmp_path, tmp_path / "none", tmp_path / "job.json"):
        for ask in (status, open_results):
            with pytest.raises(OutputError, match=f"{out} holds no results of `lpel batch`"):
                ask(out)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "job.json"]


def test_nothing_is_read_before_anything_is_committed(job):
    stopped_at(job, "Embedding", 1)
    with pytest.raises(OutputError, match="no committed results yet"):
        open_results(job.out)
    assert Places(job.out).planned.is_file()
