"""A job that is killed with SIGKILL again and again: each row is there once, none is done twice."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpel_serving.batch.plan import read_shards
from lpel_serving.batch.results import committed, open_results, status
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.errors import OutputError
from support import slow, small_batch
from support.images import pixels
from support.small_batch import IMAGES_IN_CHUNK, ROWS_IN_SHARD, WORKERS

KILLS = int(os.environ.get("LPEL_KILLS", "20"))
"""How often a job is killed in all, at a moment that nobody chose; by hand, more often."""
IMAGES, ROWS = 600, 2000
PIECES = -(-IMAGES // IMAGES_IN_CHUNK) + -(-ROWS // ROWS_IN_SHARD)
TESTS = Path(__file__).parents[2]
STAGES = {
    "begun": "claiming",
    "planning": "planning",
    "after-planning": "planning",
    "embedding": "embedding",
    "Embedding": "embedding",
    "after-embedding": "gathering",
    "explaining": "explaining",
    "Explaining": "explaining",
    "after-explaining": "clearing",
    "done": "clearing",
}
"""What a job is about, by what it wrote down last."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@dataclass(eq=False)
class Work:
    """A job, and how it goes when nobody kills it."""

    pairs: Path
    bundle: Path
    seconds: float = 0
    operations: int = 0
    shards: dict[str, bytes] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def begin(self, out: Path, operation: int = 0) -> "subprocess.Popen[bytes]":
        """Begin it, or go on with it; it kills itself at an operation on its files."""
        events = log_of(out)
        events.unlink(missing_ok=True)
        paths = [str(path) for path in (self.pairs, out, self.bundle, events)]
        command = [sys.executable, "-m", small_batch.__name__, *paths, str(operation)]
        return subprocess.Popen(command, cwd=TESTS)


@pytest.fixture(scope="module")
def work(responding_bundle, tmp_path_factory) -> Work:
    folder = tmp_path_factory.mktemp("kill")
    rng = np.random.default_rng(0)
    for number in range(1, IMAGES):
        Image.fromarray(pixels(number)).save(folder / f"{number}.png")
    (folder / "0.png").write_bytes(b"no image")
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["pair_id", "reference", "test"])
        for row in range(ROWS):
            names = [f"{number}.png" for number in (row % IMAGES, rng.integers(IMAGES))]
            table.writerow([f"pair {row}", *names])
    work = Work(folder / "pairs.csv", responding_bundle)
    out = folder / "whole"
    with work.begin(out) as process:
        slow.until(lambda: events_of(out))
        begun = time.monotonic()
        assert process.wait(300) == 0
        work.seconds = time.monotonic() - begun
    work.operations = int(events_of(out)[-1].split()[1])
    work.shards, work.names = shards_of(out), names_in(out)
    assert pairs_in(out) == [f"pair {row}" for row in range(ROWS)]
    assert len(set(pieces_of(events_of(out)))) == PIECES
    return work


def log_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.log")


def events_of(out: Path) -> list[str]:
    return log_of(out).read_text().splitlines() if log_of(out).exists() else []


def pieces_of(events: list[str]) -> list[str]:
    return [event for event in events if event.startswith(("Embedding ", "Explaining "))]


def shards_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.parquet"))}


def names_in(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*"))


def pairs_in(out: Path) -> list[str]:
    return open_results(out).to_table(columns=["pair_id"])["pair_id"].to_pylist()


@dataclass(eq=False)
class Story:
    """A job that is killed until it is done.

    Attributes
    ----------
    killed
        What it was about whenever it was killed.
    again
        How many pieces each run did that had been begun before.
    committed
        Inode and time of each committed file: it never changes any more.
    begun
        Pieces that were begun so far.
    """

    work: Work
    out: Path
    killed: list[str] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    committed: dict[str, tuple[int, int]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def tell(self, seed: int) -> Iterator[None]:
        """Go on with the job, and kill it, until it is done."""
        rng = np.random.default_rng(seed)
        while not self._run(rng):
            yield
        assert shards_of(self.out) == self.work.shards
        assert names_in(self.out) == self.work.names
        assert pairs_in(self.out) == [f"pair {row}" for row in range(ROWS)]
        assert len(self.begun) == PIECES

    def _run(self, rng: np.random.Generator) -> bool:
        """Kill it at a random moment, or before a random operation on its files, if it lasts."""
        operation = int(rng.integers(1, self.work.operations)) if rng.random() < 0.5 else 0
        with self.work.begin(self.out, operation) as process:
            if not operation:
                slow.until(lambda: events_of(self.out))
                try:
                    process.wait(rng.uniform(0, self.work.seconds))
                except subprocess.TimeoutExpired:
                    process.kill()
            status = process.wait(300)
        assert status in {0, -signal.SIGKILL}
        self._look(killed=status != 0)
        return status == 0

    def _look(self, *, killed: bool) -> None:
        """Look at what a run left behind."""
        events = events_of(self.out)
        pieces = set(pieces_of(events))
        assert len(pieces) == len(pieces_of(events))
        self.again.append(len(self.begun & pieces))
        assert self.again[-1] <= WORKERS
        self.begun |= pieces
        # A shard waits under a temporary name while its record is being written under another.
        assert len(list(self.out.rglob(".*.partial"))) <= (2 * WORKERS if killed else 0)
        files, done = self._durable()
        assert len(self.begun - done) <= (WORKERS if killed else 0)
        if killed:
            self.killed.append(self._stage(events[-1]))
        self._read(files)

    def _stage(self, last: str) -> str:
        is_committing = any(Places(self.out).own.glob(".*.partial"))
        stage = STAGES[last.split(maxsplit=1)[0]]
        return "committing" if stage == "explaining" and is_committing else stage

    def _durable(self) -> tuple[list[str], set[str]]:
        """Name the files that are committed, and the pieces that need not be done again."""
        places = Places(self.out)
        plan = read_shards(places)
        if plan is None:
            return [], set()
        files = [record.file for record in committed(places, plan)]
        is_embedded = places.embedded.is_file() or len(files) == len(plan.shards)
        chunks = range(plan.chunks)
        embedded = [one for one in chunks if is_embedded or places.embeddings(one).is_file()]
        return files, {
            *(f"Explaining {number_of(file)}" for file in files),
            *(f"Embedding {chunk}" for chunk in embedded),
        }

    def _read(self, files: list[str]) -> None:
        """Read what readers see, ours and others: whole shards, none of which was touched again."""
        assert self.committed.keys() <= set(files)
        assert {one.name for one in self.out.iterdir() if one.name[0] not in "._"} == set(files)
        for name in files:
            path = self.out / name
            assert path.read_bytes() == self.work.shards[name]
            found = path.stat()
            identity = (found.st_ino, found.st_mtime_ns)
            assert self.committed.setdefault(name, identity) == identity
        if not files:
            with pytest.raises(OutputError):
                open_results(self.out)
            return
        rows = [row for name in files for row in range(ROWS)[rows_of(name)]]
        assert pairs_in(self.out) == [f"pair {row}" for row in rows]
        assert status(self.out).rows_committed == len(rows)


def number_of(file: str) -> int:
    return int(file.split("-")[1])


def rows_of(file: str) -> slice:
    first = number_of(file) * ROWS_IN_SHARD
    return slice(first, first + ROWS_IN_SHARD)


def test_no_row_is_lost_doubled_or_torn_and_no_committed_shard_is_done_again(work, tmp_path):
    stories: list[Story] = []

    def tell(teller: int) -> None:
        """Tell story after story, until there were enough kills."""
        seed = teller
        while sum(len(story.killed) for story in stories) < KILLS:
            stories.append(story := Story(work, tmp_path / f"out-{seed}"))
            for _ in story.tell(seed):
                pass
            seed += 2

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(tell, range(2)))
    kills = Counter(stage for story in stories for stage in story.killed)
    print(f"{kills.total()} kills in {len(stories)} jobs: {dict(kills)}")
    print(f"done again after one kill, at most: {max(n for story in stories for n in story.again)}")
    assert kills.total() >= KILLS
