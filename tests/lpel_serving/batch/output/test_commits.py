"""Commits: what makes a shard one that readers see, and what is done again because it is none."""

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pytest

from lpel_serving.batch import settings
from lpel_serving.batch.output import commits
from lpel_serving.batch.output.commits import commit, read_commit
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.plan import read_plan
from lpel_serving.batch.results import open_results, status
from lpel_serving.batch.run import run
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.errors import OutputError, PairsError
from support.batch import make_job, pair_up, read_results, run_here, tree, write_csv, write_pictures
from support.small_batch import Logged

JOB, INPUTS = "a" * 64, "b" * 64
SHARD = 1
"""The shard that something happens to, of three."""


@pytest.fixture
def job(responding_bundle, pictures, tmp_path, monkeypatch):
    """A job of three shards, four rows each."""
    for name in ("MANY_ROWS", "FEW_ROWS"):
        monkeypatch.setattr(settings, name, 4)
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 12))
    return make_job(responding_bundle, rows, tmp_path / "out")


@pytest.fixture
def done(job):
    """All files of it, done."""
    run_here(job)
    return tree(job.out)


def pieces_of(job) -> list[str]:
    """Do what is left of a job; name the pieces that were done."""
    log = job.out.with_name("log")
    log.unlink(missing_ok=True)
    run(job, Logged(Local(2), log))
    return sorted(log.read_text().splitlines()) if log.exists() else []


def shard_of(out: Path) -> Path:
    return sorted(out.glob("*.parquet"))[SHARD]


def commit_one(out: Path) -> Places:
    places = Places(out)
    table = pa.table({name: ["x"] for name in commits.CODED} | {"pair_id": ["0"]})
    commit(places, JOB, 0, INPUTS, table.append_column("n", pa.array([1])), 0)
    return places


@pytest.fixture
def few_columns(monkeypatch):
    """Let a shard have the columns of `commit_one` alone."""
    monkeypatch.setattr(commits, "SOUGHT", ["pair_id"])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names of open files, as on Linux")
def test_a_shard_is_brought_to_the_disk_recorded_and_only_then_renamed(
    few_columns, tmp_path, monkeypatch
):
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def name_of(path: str | Path) -> str:
        return re.sub(r"[0-9a-f]{16}", "*", Path(path).name)

    def watched_fsync(descriptor):
        steps.append(f"fsync {name_of(Path(f'/proc/self/fd/{descriptor}').readlink())}")
        fsync(descriptor)

    def watched_replace(path, target):
        steps.append(f"rename {name_of(path)} {name_of(target)}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    out = tmp_path / "out"
    out.mkdir()
    commit_one(out)
    assert steps == [
        "fsync .*.partial",
        "fsync .*.partial",
        "rename .*.partial 000000.json",
        "fsync commits",
        "rename .*.partial pairs-000000-*.parquet",
        "fsync out",
    ]


def test_a_commit_is_of_one_job_one_shard_and_its_inputs(few_columns, tmp_path):
    places = commit_one(tmp_path)
    found = read_commit(places, JOB, 0, INPUTS)
    assert found is not None
    assert (found.rows, found.bytes) == (1, (tmp_path / found.file).stat().st_size)
    assert read_commit(places, "c" * 64, 0, INPUTS) is None
    assert read_commit(places, JOB, 0, "c" * 64) is None
    assert read_commit(places, JOB, 1, INPUTS) is None
    places.record(0).rename(places.record(1))
    assert read_commit(places, JOB, 1, INPUTS) is None


def test_what_cannot_be_written_leaves_nothing(few_columns, tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .+/pairs-000000"):
        commit_one(tmp_path / "nowhere")
    (tmp_path / "_lpel").mkdir()
    (tmp_path / "_lpel" / "commits").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write .+/000000\.json"):
        commit_one(tmp_path)
    assert tree(tmp_path) == {"_lpel/commits": b"in the way"}
    assert read_commit(Places(tmp_path), JOB, 0, INPUTS) is None


def without_record(out: Path) -> None:
    Places(out).record(SHARD).unlink()


def without_file(out: Path) -> None:
    shard_of(out).unlink()


def with_a_truncated_file(out: Path) -> None:
    shard_of(out).write_bytes(shard_of(out).read_bytes()[:-1])


def with_a_truncated_record(out: Path) -> None:
    record = Places(out).record(SHARD)
    record.write_bytes(record.read_bytes()[:-1])


def with_a_record_of(**changes):
    def change(out: Path) -> None:
        record = Places(out).record(SHARD)
        record.write_text(json.dumps(json.loads(record.read_bytes()) | changes))

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(without_record, id="no record"),
        pytest.param(without_file, id="no file"),
        pytest.param(with_a_truncated_file, id="a truncated file"),
        pytest.param(with_a_truncated_record, id="a truncated record"),
        pytest.param(with_a_record_of(job=JOB), id="another job"),
        pytest.param(with_a_record_of(inputs=INPUTS), id="other inputs"),
        pytest.param(with_a_record_of(file="../pairs.csv"), id="another file"),
        pytest.param(with_a_record_of(more=1), id="an unknown record"),
    ],
)
def test_a_shard_that_is_not_committed_is_not_read_and_is_done_again(job, done, spoil):
    rows = read_results(job.out)
    spoil(job.out)
    assert read_results(job.out) == rows[:4] + rows[8:]
    assert status(job.out).state == "stopped"
    assert f"{Explaining.__name__} {SHARD}" in pieces_of(job)
    assert tree(job.out) == done


def test_only_the_shards_that_are_not_committed_are_done_again(job, done):
    without_record(job.out)
    assert pieces_of(job) == ["Embedding 0", f"Explaining {SHARD}"]
    assert pieces_of(job) == []


def test_a_job_without_a_commit_has_no_results(job, done):
    for shard in range(3):
        Places(job.out).record(shard).unlink()
    with pytest.raises(OutputError, match="no committed results yet"):
        open_results(job.out)


def interrupted(job) -> Places:
    """Begin a job, and stop it when everything is embedded."""

    class Unwilling:
        def run(self, stage, pieces):
            if isinstance(stage, Explaining):
                raise PairsError("no more.")
            yield from Local(2).run(stage, pieces)

    with pytest.raises(PairsError, match="no more"):
        run(job, Unwilling())
    return Places(job.out)


def test_what_was_being_written_when_a_job_was_killed_is_swept(job):
    places = interrupted(job)
    folders = [places.out, places.own, places.work, places.work / "rows", places.commits]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / ".0123456789abcdef.partial").write_bytes(b"half")
        (folder / ".user.partial").write_bytes(b"not ours")
    run_here(job)
    left = sorted(str(path.relative_to(job.out)) for path in job.out.rglob(".*.partial"))
    assert left == [".user.partial", "_lpel/.user.partial", "_lpel/commits/.user.partial"]


def test_a_job_that_was_killed_before_it_had_claimed_its_folder_goes_on(job):
    Places(job.out).own.mkdir(parents=True)
    (Places(job.out).own / ".0123456789abcdef.partial").write_bytes(b"{")
    assert run_here(job).rows == 12
    assert status(job.out).state == "done"


def test_a_job_that_was_killed_between_its_two_plans_goes_on(job):
    places = interrupted(job)
    places.shards.unlink()
    assert pieces_of(job) == [f"Explaining {shard}" for shard in range(3)]
    assert len(read_results(job.out)) == 12
    assert status(job.out).state == "done"


def test_a_job_that_was_killed_while_it_cleared_up_leaves_no_scratch(job, done):
    places = Places(job.out)
    places.rows(0).parent.mkdir(parents=True)
    places.rows(0).write_bytes(b"rows of people")
    assert pieces_of(job) == []
    assert tree(job.out) == done
    assert not places.work.exists()


def test_images_that_changed_since_never_mix_with_the_results(job, done, pictures):
    without_record(job.out)
    before = pictures[0].read_bytes()
    write_pictures(pictures[0].parent / "others", 1, first=99)[0].replace(pictures[0])
    for _ in range(2):
        with pytest.raises(OutputError, match="images that the list names changed since"):
            run_here(job)
        assert read_plan(Places(job.out)) is None
    pictures[0].write_bytes(before)
    run_here(job)
    assert tree(job.out) == done
