"""`lpel batch` in small pieces, as a process of its own that writes down what it is about.

Usage: python -m support.small_batch LIST OUT BUNDLE LOG OPERATION

Each line of LOG is an event and, of a piece, its number. At the given OPERATION on the files of
OUT, counted from 1, the process kills itself; at 0 never.
"""

import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

IMAGES_IN_CHUNK, ROWS_IN_SHARD, WORKERS = 8, 32, 2
_OPERATIONS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "sqlite3.connect"}


def log(file: Path, *words: object) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (" ".join(str(word) for word in words) + "\n").encode())
    os.close(descriptor)


@dataclass(frozen=True)
class Logged:
    """A stage, or an engine that runs it, which logs each piece as it begins."""

    inner: object
    log: Path

    def open(self):
        work = self.inner.open()
        name = type(self.inner).__name__

        def logged(piece, stopped):
            log(self.log, name, piece)
            return work(piece, stopped)

        return logged

    def run(self, stage, pieces: Sequence[int]) -> Generator:
        with closing(self.inner.run(Logged(stage, self.log), pieces)) as done:
            yield from done


def count_operations(folder: Path, last: int) -> list[str]:
    """List the operations on the files of a folder as they come; at the last one, die before it."""
    found: list[str] = []

    def hear(event, arguments):
        if event not in _OPERATIONS:
            return
        name = str(arguments[0])
        # What is removed as part of a tree is named without its folder.
        if name.startswith(str(folder)) or os.sep not in name:
            found.append(event)
            if len(found) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)
    return found


def main(pairs: Path, out: Path, bundle: Path, events: Path, operation: int) -> None:
    from lpel_serving.batch import settings
    from lpel_serving.batch.store import folder as places

    # Other modules take these by their names: they are set before any of those is imported.
    places.IMAGES_IN_CHUNK = IMAGES_IN_CHUNK
    settings.MANY_ROWS = settings.FEW_ROWS = ROWS_IN_SHARD
    from lpel_serving.batch.input.lists import Lists
    from lpel_serving.batch.job import Job
    from lpel_serving.batch.run import run
    from lpel_serving.batch.settings import BatchSettings
    from lpel_serving.batch.stages.runners import Local

    @contextmanager
    def watch(what, total, done):
        log(events, what)
        yield lambda rows, errors: None
        log(events, f"after-{what}")

    kept = out.with_name(f"{out.name}.kept")
    job = Job(Lists(pairs), out, bundle, BatchSettings(), kept=kept)
    log(events, "begun")
    operations = count_operations(out, operation)
    run(job, Logged(Local(WORKERS), events), watch)
    log(events, "done", len(operations))


if __name__ == "__main__":
    main(*(Path(path) for path in sys.argv[1:5]), int(sys.argv[5]))
