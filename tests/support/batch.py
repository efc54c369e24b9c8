"""Batch jobs for tests: small pictures, lists of them, and jobs of this process."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import Job
from lpel_serving.batch.results import open_results
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.summary import Summary
from support.images import pixels


def write_pictures(folder: Path, n: int = 6, first: int = 0) -> list[Path]:
    """Write `n` pictures, no two alike: face_00.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"face_{number:02d}.png" for number in range(first, first + n)]
    for number, path in enumerate(paths, first):
        Image.fromarray(pixels(number)).save(path)
    return paths


def pair_up(pictures: Sequence[Path], n: int) -> dict[str, list[str]]:
    """Name `n` pairs of pictures, by the columns of a list; no pair twice before all were there."""
    names = [path.name for path in pictures]
    every = [(a, b) for a in names for b in names]
    pairs = [every[i % len(every)] for i in range(n)]
    return {"reference": [a for a, _ in pairs], "test": [b for _, b in pairs]}


def write_csv(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Write a list as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_parquet(path: Path, columns: Mapping[str, Any], row_group_size: int = 10_000) -> Path:
    """Write a list as Parquet; columns are Arrow's arrays, or what makes some."""
    parquet.write_table(pa.table(dict(columns)), path, row_group_size=row_group_size)
    return path


def write_lfw(path: Path, lines: Iterable[str]) -> Path:
    """Write a list in LFW's format."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def make_job(
    bundle: Path,
    rows: Path,
    out: Path,
    *,
    gallery: Path | None = None,
    images: Path | None = None,
    settings: BatchSettings | None = None,
    **changes: Any,
) -> Job:
    """Describe a job; `changes` are fields of `Job`, such as crop and kept."""
    lists = Lists(rows, gallery, images)
    return Job(lists, out, bundle, settings or BatchSettings(), **changes)


def run_here(job: Job, workers: int = 2) -> Summary:
    """Do a job in threads of this process."""
    return run(job, Local(workers))


def read_results(out: Path) -> list[dict[str, Any]]:
    """All committed rows of a job, without its maps, in the order of its list."""
    table = open_results(out).to_table()
    maps = [name for name in table.column_names if name.endswith("_map")]
    return table.drop_columns(maps).to_pylist()


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths within it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
