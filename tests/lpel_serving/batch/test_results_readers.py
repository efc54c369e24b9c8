"""Other programs read results with their plain calls: the committed rows, and no others."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from pyarrow import dataset

from lpel_serving.batch import settings
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.results import status
from lpel_serving.batch.run import run
from lpel_serving.batch.stages.runners import Local
from lpel_serving.equations.regions import REGIONS
from support import tiny
from support.batch import make_job, pair_up, read_results, run_here, write_csv
from support.batch_rows import rows_of

ROWS, ROWS_IN_SHARD = 36, 10


def by_pyarrow(out):
    return dataset.dataset(out).to_table().to_pylist()


def by_pandas(out):
    return pd.read_parquet(out).to_dict("records")


def by_polars(out):
    return pl.read_parquet(f"{out}/*.parquet").to_dicts()


def by_lazy_polars(out):
    return pl.scan_parquet(f"{out}/*.parquet").collect().to_dicts()


def by_duckdb(out):
    found = duckdb.sql(f"FROM '{out}/*.parquet' ORDER BY filename, pair_id::INT")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def by_duckdb_of_a_folder(out):
    found = duckdb.sql(f"FROM read_parquet('{out}') ORDER BY pair_id::INT")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


READERS = [
    by_pyarrow, by_pandas, by_polars, by_lazy_polars, by_duckdb, by_duckdb_of_a_folder,
]  # fmt: skip


@pytest.fixture
def job(responding_bundle, pictures, tmp_path, monkeypatch):
    """A job of four shards, some rows of which are errors."""
    for name in ("MANY_ROWS", "FEW_ROWS"):
        monkeypatch.setattr(settings, name, ROWS_IN_SHARD)
    pictures[5].write_bytes(b"no image")
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, ROWS))
    return make_job(responding_bundle, rows, tmp_path / "out")


def check(out):
    """Check that every program finds the rows and the maps that we find."""
    expected = rows_of(out)
    for read in READERS:
        found = read(out)
        assert [row["pair_id"] for row in found] == [row["pair_id"] for row in expected], read
        for row, ours in zip(found, expected, strict=True):
            is_same(row, ours)


def is_same(row, ours):
    for name in ("reference", "test", "status", "reference_sha256", "engine_version"):
        assert row[name] == ours[name]
    if ours["status"] == "error":
        assert row["test_map"] is None
        return
    assert row["similarity"] == pytest.approx(ours["similarity"], abs=0)
    flat = np.asarray(row["test_map"], np.float32).reshape(tiny.SIDE, tiny.SIDE)
    np.testing.assert_array_equal(flat, ours["test_map"])
    assert len(row["test_regions_for"]) == len(REGIONS)


def test_a_job_that_is_done_is_read_whole(job):
    run_here(job)
    assert status(job.out).rows_committed == len(read_results(job.out)) == ROWS
    check(job.out)


def test_a_job_that_is_under_way_is_read_as_far_as_it_is_committed(job):
    class Stopped:
        def run(self, stage, pieces):
            for one in Local(1).run(stage, pieces):
                yield one
                if isinstance(stage, Explaining):
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, Stopped())
    assert 0 < status(job.out).rows_committed < ROWS
    check(job.out)


def test_a_shard_whose_commit_failed_is_not_read(job, monkeypatch):
    """As when the process ends between a shard's record and its name."""
    replace = Path.replace

    def killed(path, target):
        if Path(target).name.startswith("pairs-000002"):
            raise OSError(5, "the end")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(OSError, match="pairs-000002"):
        run_here(job, 1)
    monkeypatch.undo()
    assert status(job.out).rows_committed == 2 * ROWS_IN_SHARD
    check(job.out)
