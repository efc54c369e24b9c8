"""The folder of a job: its files, and the lock that admits one process at a time."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import sleep

from lpel_serving.support.errors import BusyError, OutputError

IMAGES_IN_CHUNK = 128
"""Images that are embedded as one piece of work: a few seconds on one core."""
_JOB = "job.json"
_MOVED = ("commits", "shards.json", "work", _JOB)
"""What version 0.1 kept beside the results, in the order in which it is moved."""


@dataclass(frozen=True)
class Places:
    """The files of a job, all within the folder of its results.

    What is no committed shard lies in ``_lpel`` or begins with a dot, because pyarrow, pandas and
    others read all files of a folder but those whose names, or whose folders' names, begin with
    ``_`` or ``.``. A folder begun by 0.1 has it beside the shards, until its job is resumed.

    ``work`` is scratch, and gone when the job is done; the rest is for the user.
    """

    out: Path

    @property
    def own(self) -> Path:
        """The folder of everything but the results."""
        return self.out / "_lpel"

    @property
    def job(self) -> Path:
        """The job: see `lpel_serving.batch.job.Job`."""
        return self._place(_JOB)

    @property
    def shards(self) -> Path:
        """The planned shards, each with the digest of all its inputs."""
        return self._place("shards.json")

    @property
    def lock(self) -> Path:
        """Held by the process that works on the job."""
        return self.out / ".lock"

    @property
    def commits(self) -> Path:
        """The records of shards."""
        return self._place("commits")

    @property
    def work(self) -> Path:
        """Scratch files."""
        return self._place("work")

    @property
    def planned(self) -> Path:
        """Made when the plan is complete."""
        return self.work / "planned.json"

    @property
    def embedded(self) -> Path:
        """Made when all embeddings are in one file."""
        return self.work / "embedded.json"

    def rows(self, shard: int) -> Path:
        """The planned rows of a shard."""
        return self.work / "rows" / f"{shard:06d}.arrow"

    def images(self, chunk: int) -> Path:
        """A chunk of the job's distinct images."""
        return self.work / "images" / f"{chunk:06d}.arrow"

    def embeddings(self, chunk: int) -> Path:
        """The results of a chunk of images."""
        return self.work / "embeddings" / f"{chunk:06d}.arrow"

    def local_features(self, chunk: int) -> Path:
        """Local features of a chunk of images, where the job keeps them."""
        return self.work / "local_features" / f"{chunk:06d}.f32"

    def simulations(self, chunk: int) -> Path:
        """What a surrogate predicts of a chunk of images, where the job keeps it."""
        return self.work / "simulations" / f"{chunk:06d}.f32"

    @property
    def gallery(self) -> Path:
        """The planned gallery of a search."""
        return self.work / "gallery.arrow"

    @property
    def given(self) -> Path:
        """Embeddings from the rows themselves, one after another: float32, bytes only."""
        return self.work / "given.f32"

    @property
    def all_embeddings(self) -> Path:
        """Embeddings of all distinct images by number, .npy, float32, shape (N, D)."""
        return self.work / "embeddings.npy"

    @property
    def all_digests(self) -> Path:
        """SHA-256 of all distinct images by number, .npy, uint8, shape (N, 32)."""
        return self.work / "digests.npy"

    @property
    def all_found(self) -> Path:
        """Faces found in all distinct images by number, .npy, int32, shape (N, 6)."""
        return self.work / "found.npy"

    @property
    def all_failures(self) -> Path:
        """Images that could not be embedded: number, code and message, by number."""
        return self.work / "failures.arrow"

    def result(self, shard: int, identity: str) -> Path:
        """A shard of the results."""
        return self.out / f"pairs-{shard:06d}-{identity[:16]}.parquet"

    def record(self, shard: int) -> Path:
        """The record of a shard, which is committed once its file exists."""
        return self.commits / f"{shard:06d}.json"

    def sweep(self) -> None:
        """Remove partial files of a killed job; call it with the lock held."""
        for folder in (self.out, self.own, self.commits, self.work, *self.work.glob("*/")):
            for path in folder.glob(".*.partial"):
                if re.fullmatch(r"\.[0-9a-f]{16}\.partial", path.name):
                    path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the scratch files, first the mark that the plan is complete."""
        self.planned.unlink(missing_ok=True)
        if self.work.exists():
            shutil.rmtree(self.work)

    def adopt(self) -> None:
        """Migrate a folder begun by version 0.1; call it with the lock held.

        ``job.json`` is moved last: until then everything is found in either place, wherever this
        stops.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if not self._is_old:
            return
        try:
            self.own.mkdir(exist_ok=True)
            for name in _MOVED:
                if (self.out / name).exists():
                    (self.out / name).rename(self.own / name)
        except OSError as error:
            raise OutputError(f"cannot write {self.out}: {error.strerror or error}.") from error

    @property
    def _is_old(self) -> bool:
        return (self.out / _JOB).is_file() and not (self.own / _JOB).is_file()

    def _place(self, name: str) -> Path:
        before = self.out / name
        return before if self._is_old and before.exists() else self.own / name


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a lock, which is released however this process ends.

    Where there are no such locks (Windows, some network file systems), nothing is locked.

    Raises
    ------
    BusyError
        If another process holds it.
    OutputError
        If its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise OutputError(f"cannot write {path.parent}: {error.strerror or error}.") from error
    with file:
        if not _take_soon(file.fileno()):
            raise BusyError(
                f"another `lpel batch` is at work in {path.parent}: wait for it, or write "
                "elsewhere."
            )
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return not _take(file.fileno(), shared=True)


def _take_soon(descriptor: int) -> bool:
    """Take a lock, with retries: `is_locked` of another process holds it for a moment."""
    for _ in range(10):
        if _take(descriptor):
            return True
        sleep(0.02)
    return False


def _take(descriptor: int, *, shared: bool = False) -> bool:
    if find_spec("fcntl") is None:
        return True
    import fcntl

    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing is locked
        return True
    return True
