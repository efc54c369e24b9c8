"""docs/batch.md: its program runs, and its table lists the columns that there are."""

import re
from pathlib import Path

import numpy as np
import pytest

from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import Job
from lpel_serving.batch.output.result_table import result_schema
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from support import tiny
from support.images import write_people

DOCS = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)


def test_the_program_reads_results(tmp_path, monkeypatch):
    bundle = tiny.write_bundle(tmp_path / "bundle", responds=True)
    write_people(tmp_path / "faces", people=2, each=2, size=16)
    files = sorted((tmp_path / "faces").glob("*/*"))
    rows = ["reference,test", f"{files[0]},{files[1]}", f"{files[0]},none.png"]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    lists = Lists(tmp_path / "pairs.csv")
    run(Job(lists, tmp_path / "OUT", bundle, BatchSettings()), Local(2))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(PROGRAM, names)  # noqa: S102 (our own documentation)
    assert names["heat_maps"].shape == (2, tiny.SIDE, tiny.SIDE)
    assert np.isnan(names["heat_maps"]).all(axis=(1, 2)).tolist() == [False, True]


@pytest.mark.parametrize("role", ["reference", "test"])
def test_the_table_lists_the_columns(role):
    schema = result_schema((8, 8), curves=True, search=True, about={})
    listed = set(re.findall(r"`(\w+)`", re.search(r"\| column .*?\n\n", DOCS, re.DOTALL)[0]))
    short = {f"{role}_regions_for", f"{role}_regions_against"}  # described for both at once
    mine = {name for name in schema.names if name.startswith(role)} - short
    assert mine <= listed
    assert {name for name in schema.names if "regions" not in name} <= listed
