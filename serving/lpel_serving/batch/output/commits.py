"""The commit of a shard: its file and record are written and synced, then a rename commits it."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lpel_serving.batch.output.result_table import CODED, SOUGHT
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.arrow import Table, pa, parquet
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import write_atomically

_ROWS_IN_GROUP = 2_500


@dataclass(frozen=True)
class Commit:
    """The record of a shard; the shard is committed once its file exists.

    Attributes
    ----------
    job
        The identity of its job.
    inputs
        The digest of all its inputs.
    file
        Its name.
    rows, errors
        How many rows it has, and how many of them are errors.
    bytes, sha256
        Of the file.
    left_out
        Members of the gallery that could not be used.
    in_gallery
        Probes that are in the gallery themselves.
    """

    job: str
    inputs: str
    file: str
    rows: int
    errors: int
    bytes: int
    sha256: str
    left_out: int = 0
    in_gallery: int = 0


def shard_identity(job: str, shard: int, inputs: str) -> str:
    """Identify a shard by everything that determines its content."""
    return hashlib.sha256(f"{job} {shard} {inputs}".encode()).hexdigest()


def commit(
    places: Places,
    job: str,
    shard: int,
    inputs: str,
    table: Table,
    errors: int,
    left_out: int = 0,
    in_gallery: int = 0,
) -> None:
    """Write a shard under a temporary name, write its record, and rename it: that commits it.

    The record comes first, and both are on the disk before the shard gets its name: a file of that
    name is always a committed shard, also if the process is killed at any moment.

    Raises
    ------
    OutputError
        If it cannot be written; then it is not committed.
    """
    path = places.result(shard, shard_identity(job, shard, inputs))
    partial = places.own / f".{secrets.token_hex(8)}.partial"
    try:
        places.own.mkdir(exist_ok=True)
        size, digest = _write(partial, table)
        of_search = left_out, in_gallery
        record = Commit(job, inputs, path.name, table.num_rows, errors, size, digest, *of_search)
        write_atomically(places.record(shard), json.dumps(asdict(record)).encode())
        _sync_folder(places.commits)
        partial.replace(path)
        _sync_folder(path.parent)
    except OutputError:  # of the record
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # Arrow's own messages are long
        raise OutputError(f"cannot write {path}: {reason}.") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _write(path: Path, table: Table) -> tuple[int, str]:
    """Write a file of results and sync it to the disk; return its size and SHA-256."""
    parquet.write_table(
        table,
        path,
        compression="zstd",
        compression_level=1,
        row_group_size=_ROWS_IN_GROUP,
        use_dictionary=CODED,
        write_statistics=SOUGHT,
    )
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


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


def columns_begun(places: Places, committed: Sequence[Commit | None]) -> tuple[str, ...] | None:
    """Read the columns with which a job began; None if it has no committed shard.

    Raises
    ------
    OutputError
        If its first shard cannot be read.
    """
    first = next((record for record in committed if record is not None), None)
    if first is None:
        return None
    path = places.out / first.file
    try:
        return tuple(parquet.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path} cannot be read: delete it, and it is made anew.") from error


def _sync_folder(folder: Path) -> None:
    """Sync a rename to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
