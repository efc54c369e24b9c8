"""Where a job keeps what."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

IMAGES_IN_CHUNK = 128
"""Images that are embedded as one piece of work: some seconds on one core."""


@dataclass(frozen=True)
class Places:
    """The files of a job, all within the folder of its results.

    ``work`` is scratch, and gone when the job is done; the rest is for the user.
    """

    out: Path

    @property
    def job(self) -> Path:
        """What was asked for: see `lpel_serving.batch.job.Job`."""
        return self.out / "job.json"

    @property
    def shards(self) -> Path:
        """The shards that the job will have, each with the digest of all that goes into it."""
        return self.out / "shards.json"

    @property
    def lock(self) -> Path:
        """Held by whoever works on the job."""
        return self.out / ".lock"

    @property
    def work(self) -> Path:
        """Scratch."""
        return self.out / "work"

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
        """What became of a chunk of images."""
        return self.work / "embeddings" / f"{chunk:06d}.arrow"

    @property
    def gallery(self) -> Path:
        """The planned gallery of a search."""
        return self.work / "gallery.arrow"

    @property
    def given(self) -> Path:
        """Embeddings that the rows bring themselves, one after another: float32, bytes only."""
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
        """That a shard is committed."""
        return self.out / "commits" / f"{shard:06d}.json"

    def sweep(self) -> None:
        """Remove what was being written when a job was killed; call it with the lock held."""
        for folder in (self.out, self.out / "commits", self.work, *self.work.glob("*/")):
            for path in folder.glob(".*.partial"):
                if re.fullmatch(r"\.[0-9a-f]{16}\.partial", path.name):
                    path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the scratch files, the plan that vouches for the others first."""
        self.planned.unlink(missing_ok=True)
        if self.work.exists():
            shutil.rmtree(self.work)
