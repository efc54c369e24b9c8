"""Folders that 0.1 began, which kept its own files beside the shards: they are read and go on."""

import json
from dataclasses import replace

import pandas as pd
import polars as pl
import pytest
from pyarrow import parquet

from lpel_serving.batch import settings
from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import prepare
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.results import rows_with_several_faces, status
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.errors import OutputError
from support.batch import make_job, pair_up, read_results, run_here, tree, write_csv

OLD = ("commits", "job.json", "shards.json", "work")


@pytest.fixture
def job(responding_bundle, pictures, tmp_path, monkeypatch):
    """A job of three shards, four rows each."""
    for name in ("MANY_ROWS", "FEW_ROWS"):
        monkeypatch.setattr(settings, name, 4)
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 12))
    return make_job(responding_bundle, rows, tmp_path / "out")


@pytest.fixture
def whole(job):
    """What it comes to in a folder of today."""
    run_here(job)
    found = tree(job.out)
    job.out.rename(job.out.with_name("today"))
    return found


def stopped(job, shards):
    """Do a job up to so many shards."""

    class Stopping:
        def run(self, stage, pieces):
            if isinstance(stage, Explaining) and shards == 0:
                raise KeyboardInterrupt
            for number, one in enumerate(Local(1).run(stage, pieces), 1):
                yield one
                if isinstance(stage, Explaining) and number == shards:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, Stopping())


def as_in_0_1(out, names=OLD):
    """Lay a folder out as 0.1 did."""
    for name in names:
        if (out / "_lpel" / name).exists():
            (out / "_lpel" / name).rename(out / name)
    if set(names) == set(OLD):
        (out / "_lpel").rmdir()


def test_a_job_that_0_1_finished_is_read_and_becomes_one_that_others_read(job, whole):
    run_here(job)
    as_in_0_1(job.out)
    assert sorted(tree(job.out))[:2] == [".lock", "commits/000000.json"]
    before, found = tree(job.out), status(job.out)
    assert (found.state, found.rows_committed, len(read_results(job.out))) == ("done", 12, 12)
    assert tree(job.out) == before  # who looks changes nothing
    assert run_here(job).embedded == 0
    assert tree(job.out) == whole
    assert len(pd.read_parquet(job.out)) == 12


@pytest.mark.parametrize("shards", [0, 1])
def test_a_job_that_0_1_left_half_done_goes_on(job, whole, shards):
    stopped(job, shards)
    as_in_0_1(job.out)
    assert status(job.out).shards_committed == shards
    done = run_here(job)
    assert (done.rows, done.embedded) == (12, 0)
    assert tree(job.out) == whole


def test_a_shard_that_0_1_renamed_and_did_not_record_is_done_again(job, whole):
    stopped(job, 2)
    as_in_0_1(job.out)
    (job.out / "commits" / "000001.json").unlink()
    assert status(job.out).shards_committed == 1
    run_here(job)
    assert tree(job.out) == whole


@pytest.mark.parametrize("moved", range(1, len(OLD)))
def test_a_job_that_was_killed_while_its_folder_was_put_in_order_goes_on(job, whole, moved):
    stopped(job, 2)
    order = ("commits", "shards.json", "work", "job.json")
    as_in_0_1(job.out, order[moved:])
    assert status(job.out).shards_committed == 2
    assert len(read_results(job.out)) == 8
    assert run_here(job).rows == 12
    assert tree(job.out) == whole


NEW = [
    f"{role}_{what}"
    for role in ("reference", "test")
    for what in ("plausible", "faces", "face", "box")
]


def without_new_columns(out):
    """Rewrite the committed shards as code did that knew of no faces, nor of plausibility."""
    for record in sorted((out / "_lpel" / "commits").glob("*.json")):
        said = json.loads(record.read_bytes())
        shard = out / said["file"]
        parquet.write_table(parquet.read_table(shard).drop_columns(NEW), shard)
        record.write_text(json.dumps(said | {"bytes": shard.stat().st_size}))


@pytest.mark.parametrize("shards", [1, 2])
def test_a_job_goes_on_with_the_columns_with_which_it_began(job, shards):
    stopped(job, shards)
    without_new_columns(job.out)
    assert run_here(job).rows == 12
    every = [parquet.read_schema(path) for path in sorted(job.out.glob("*.parquet"))]
    assert len(every) == 3
    assert all(schema == every[0] for schema in every)
    assert not set(NEW) & set(every[0].names)
    assert len(pl.read_parquet(job.out / "*.parquet")) == 12
    rows = read_results(job.out)
    assert [row["status"] for row in rows] == ["ok"] * 12
    assert all(row["similarity"] is not None for row in rows)
    assert rows_with_several_faces(job.out) is None


def test_a_job_without_shards_begins_with_all_columns(job):
    stopped(job, 0)
    assert run_here(job).rows == 12
    assert set(NEW) <= set(read_results(job.out)[0])


def test_a_first_shard_that_is_damaged_is_named(job):
    stopped(job, 1)
    (shard,) = job.out.glob("*.parquet")
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(OutputError, match="cannot be read: delete it"):
        run_here(job)
    shard.unlink()
    assert run_here(job).rows == 12


def test_another_job_leaves_a_folder_of_0_1_as_it_is(job, pictures):
    run_here(job)
    as_in_0_1(job.out)
    before = tree(job.out)
    write_csv(job.lists.rows, pair_up(pictures, 11))
    with pytest.raises(OutputError, match="the list changed"):
        run_here(job)
    assert tree(job.out) == before


def test_a_list_that_0_1_refused_may_be_mended(job, pictures):
    stopped(job, 0)
    as_in_0_1(job.out)
    places = Places(job.out)
    places.clear()
    places.shards.unlink()
    write_csv(job.lists.rows, pair_up(pictures, 11))
    assert run_here(job).rows == 11
    assert json.loads(places.job.read_bytes())["the list"]


@pytest.mark.parametrize("shards", [1, 3])
def test_a_search_that_0_1_began_goes_on_with_each_probe_among_its_own_results(
    job, pictures, shards
):
    probes = write_csv(pictures[0].with_name("probes.csv"), {"image": [p.name for p in pictures]})
    search = replace(
        job,
        lists=Lists(probes, pictures[0].parent),
        settings=BatchSettings(top=2),
    )
    about = {name: one for name, one in prepare(search).about.items() if name != "the search"}
    search.out.mkdir()
    (search.out / "job.json").write_text(json.dumps(dict(about)))
    if shards < 3:
        stopped(search, shards)
    done = run_here(search)
    assert (done.rows, done.in_gallery) == (12, 0)
    best = [row for row in read_results(search.out) if row["rank"] == 1]
    assert [row["reference"] for row in best] == [row["test"] for row in best]
    assert run_here(search).rows == 12


def test_a_search_of_today_does_not_go_on_as_one_of_0_1(job, pictures):
    search = replace(job, lists=Lists(job.lists.rows.with_name("probes.csv"), pictures[0].parent))
    write_csv(search.lists.rows, {"image": [p.name for p in pictures]})
    run_here(search)
    about = json.loads(Places(search.out).job.read_bytes())
    assert about["the search"] == "among other images"
    assert run_here(search).in_gallery == 6
