"""Reads the results of a job, finished or not, and its progress."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.claiming import read_about
from lpel_serving.batch.job import identity_of
from lpel_serving.batch.output.commits import Commit, read_commit
from lpel_serving.batch.plan import Plan, read_shards
from lpel_serving.batch.store.folder import Places, is_locked
from lpel_serving.support.arrow import pa, read_table
from lpel_serving.support.errors import OutputError
from lpel_serving.support.extras import require


@dataclass(frozen=True)
class Status:
    """The progress of a job.

    Attributes
    ----------
    state
        ``done``; ``running``, or ``stopped``: then the same command resumes it.
    stage
        The current or the next stage: ``planning``, ``embedding``, ``explaining`` or ``nothing``.
    rows_committed, errors
        Rows that are committed, and how many of them are errors.
    shards_committed, shards
        Files that are committed, and how many there will be; None before the plan.
    images, images_embedded
        Distinct images, and how many of them are embedded; None before the plan.
    """

    state: Literal["done", "running", "stopped"]
    stage: Literal["planning", "embedding", "explaining", "nothing"]
    rows_committed: int
    errors: int
    shards_committed: int
    shards: int | None
    images: int | None
    images_embedded: int | None


def status(out: Path) -> Status:
    """Report the progress of a folder's job.

    Raises
    ------
    OutputError
        If it is no folder of a job.
    """
    places = Places(out)
    read_about(places)
    plan = read_shards(places)
    running = is_locked(places.lock)
    if plan is None:
        state = "running" if running else "stopped"
        return Status(state, "planning", 0, 0, 0, None, None, None)
    embedded = _embedded(places, plan)
    found = committed(places, plan)  # after the scratch files
    complete = len(found) == len(plan.shards)
    stage = "explaining" if complete or places.embedded.is_file() else "embedding"
    return Status(
        state="running" if running else "done" if complete else "stopped",
        stage="nothing" if complete else stage,
        rows_committed=sum(record.rows for record in found),
        errors=sum(record.errors for record in found),
        shards_committed=len(found),
        shards=len(plan.shards),
        images=plan.images,
        images_embedded=plan.images if complete else embedded,
    )


def committed(places: Places, plan: Plan) -> list[Commit]:
    """The records of all shards that are committed."""
    identity = identity_of(read_about(places))
    records = (
        read_commit(places, identity, shard, one.inputs) for shard, one in enumerate(plan.shards)
    )
    return [record for record in records if record is not None]


def open_results(out: Path) -> Any:
    """Open the committed shards of a job, in the order of its rows.

    Returns
    -------
    pyarrow.dataset.Dataset
        Read lazily; ``docs/batch.md`` describes its columns.

    Raises
    ------
    OutputError
        If there are none yet, or it is no folder of a job.
    MissingExtraError
        If pyarrow is not installed.
    """
    dataset = require("pyarrow.dataset", "batch")
    places = Places(out)
    read_about(places)
    plan = read_shards(places)
    found = [] if plan is None else committed(places, plan)
    if not found:
        raise OutputError(f"{out} has no committed results yet.")
    return dataset.dataset([str(out / record.file) for record in found], format="parquet")


def first_message(out: Path) -> str | None:
    """Return the error message of a job's first row."""
    return open_results(out).head(1, columns=["message"])["message"][0].as_py()


def rows_with_several_faces(out: Path) -> int | None:
    """Count the rows of a job with a photograph in which several faces were found.

    Returns
    -------
    int | None
        None where no row says how many there were: the crop detects no faces.
    """
    counts = _of_both(out, "faces", absent=0)
    return None if counts is None else int(np.count_nonzero(np.maximum(*counts) > 1))


def has_regions(out: Path) -> bool:
    """Whether the results of a job say how its maps divide among regions."""
    return "test_regions_for" in open_results(out).schema.names


def implausible_rows(out: Path) -> int | None:
    """Count the rows of a job in which an image is not plausible.

    Returns
    -------
    int | None
        None where no row says so: the bundle has no check of plausibility.
    """
    plausible = _of_both(out, "plausible", absent=True)
    return None if plausible is None else int(np.count_nonzero(~np.logical_and(*plausible)))


def _of_both(out: Path, name: str, *, absent: Any) -> list[NDArray[Any]] | None:
    """Read a column of the references and of the tests; None if both are empty."""
    found = open_results(out)
    columns = [f"{role}_{name}" for role in ("reference", "test")]
    if not set(columns) <= set(found.schema.names):  # begun by an earlier version
        return None
    table = found.to_table(columns=columns)
    if all(table[one].null_count == len(table) for one in columns):
        return None
    return [table[one].fill_null(absent).to_numpy(zero_copy_only=False) for one in columns]


def maps(column: Any) -> Any:
    """Turn a column of maps into an array, float32, shape (N, H, W); rows without a map are NaN."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    height, width = whole.type.shape
    found = np.full((len(whole), height, width), np.nan, np.float32)
    flat = whole.storage.flatten().to_numpy(zero_copy_only=False)
    found[whole.is_valid().to_numpy(zero_copy_only=False)] = flat.reshape(-1, height, width)
    return found


def _embedded(places: Places, plan: Plan) -> int:
    """Count the images that are embedded, by their chunks."""
    if places.embedded.is_file():
        return plan.images
    chunks = range(plan.chunks)
    try:
        done = [chunk for chunk in chunks if places.embeddings(chunk).is_file()]
        return sum(len(read_table(places.images(chunk))) for chunk in done)
    except OSError:  # deleted just now
        return plan.images
