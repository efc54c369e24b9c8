"""Shards of the results: written whole, then committed; readers trust committed ones alone."""

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from lpel_serving.batch.arrow import Table, parquet
from lpel_serving.batch.columns import CODED, SOUGHT
from lpel_serving.batch.places import Places
from lpel_serving.errors import OutputError
from lpel_serving.files import write_atomically

_ROWS_IN_GROUP = 2_500


@dataclass(frozen=True)
class Commit:
    """The record of a shard that is complete.

    Attributes
    ----------
    job
        The identity of its job.
    inputs
        The digest of all that went into it.
    file
        Its name.
    rows, errors
        How many rows it has, and how many of them are errors.
    bytes, sha256
        Of the file.
    left_out
        Members of the gallery that could not be used.
    """

    job: str
    inputs: str
    file: str
    rows: int
    errors: int
    bytes: int
    sha256: str
    left_out: int = 0


def shard_identity(job: str, shard: int, inputs: str) -> str:
    """Name a shard by everything that it hangs on."""
    return hashlib.sha256(f"{job} {shard} {inputs}".encode()).hexdigest()


def commit(
    places: Places,
    job: str,
    shard: int,
    inputs: str,
    table: Table,
    errors: int,
    left_out: int = 0,
) -> None:
    """Write a shard under a temporary name, bring it to the disk, rename it, and record that.

    Raises
    ------
    OutputError
        If it cannot be written; then nothing of it is left.
    """
    path = places.result(shard, shard_identity(job, shard, inputs))
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        parquet.write_table(
            table,
            partial,
            compression="zstd",
            compression_level=1,
            row_group_size=_ROWS_IN_GROUP,
            use_dictionary=CODED,
            write_statistics=SOUGHT,
        )
        with partial.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # Arrow's own are long
        raise OutputError(f"cannot write {path}: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    record = Commit(job, inputs, path.name, table.num_rows, errors, size, digest, left_out)
    write_atomically(places.record(shard), json.dumps(asdict(record)).encode())


def read_commit(places: Places, job: str, shard: int, inputs: str) -> Commit | None:
    """Read the record of a shard; None if it is not committed, or its file is not there."""
    try:
        record = Commit(**json.loads(places.record(shard).read_bytes()))
        size = (places.out / record.file).stat().st_size
    except (OSError, ValueError, TypeError):
        return None
    expected = places.result(shard, shard_identity(job, shard, inputs)).name
    is_ours = (record.job, record.inputs, record.file) == (job, inputs, expected)
    return record if is_ours and size == record.bytes else None


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
