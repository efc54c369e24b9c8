"""A stage of a job whose workers are killed, each where a piece names it, and only once."""

import os
import signal
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Dying:
    """A stage, or an engine that runs it.

    Attributes
    ----------
    inner
        The stage, or the engine.
    folder
        Takes a file for each process that was killed, and one for each that lives.
    before, after
        Pieces: the first process that is about to do the one, and the first that has done the
        other, are killed.
    """

    inner: object
    folder: Path
    before: int
    after: int

    def open(self):
        work = self.inner.open()
        (self.folder / f"worker {os.getpid()}").touch()

        def do(piece, stopped):
            if piece == self.before:
                self._die("before")
            done = work(piece, stopped)
            if piece == self.after:
                self._die("after")
            return done

        return do

    def run(self, stage, pieces) -> Generator:
        dying = Dying(stage, self.folder, self.before, self.after)
        with closing(self.inner.run(dying, pieces)) as done:
            yield from done

    def _die(self, when: str) -> None:
        try:
            (self.folder / f"{type(self.inner).__name__} {when}").touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
