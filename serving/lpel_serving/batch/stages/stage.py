"""What a stage is: work in numbered pieces, and the job's networks, loaded once per process."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lpel_serving.bundle.loading import Bundle, bundle_digest, load_bundle
from lpel_serving.engine.explainer import Explainer
from lpel_serving.images.crops import DetectingCrop, parse_crop
from lpel_serving.support.errors import BundleError, WithdrawnError


@dataclass(frozen=True)
class Done:
    """A finished piece of work, its results on the disk.

    Attributes
    ----------
    piece
        Its number.
    rows
        Rows of the result, or images.
    errors
        How many of them are errors.
    embedded
        Crops that went through the embedder.
    """

    piece: int
    rows: int
    errors: int
    embedded: int = 0


Stopped = Callable[[], bool]
"""Whether the work is to be cancelled."""

Work = Callable[[int, Stopped], Done]
"""Runs a piece of work, by its number; thread-safe."""


class Stage(Protocol):
    """Work in numbered pieces, which may run in any order and on any machine; it can be pickled.

    A piece writes its own results atomically; run again, it writes the same bytes.
    """

    def open(self) -> Work:
        """Load what the pieces need."""
        ...


class StageRunner(Protocol):
    """Runs pieces of work."""

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Run pieces, yielding each as soon as it is done; when closed, cancel the rest."""
        ...


def give_up_if(stopped: Stopped) -> None:
    """Raise `WithdrawnError` if the work is to be cancelled."""
    if stopped():
        raise WithdrawnError("the job was stopped.")


class BundleSource:
    """The networks of a job, unchanged since it began, loaded once in each process.

    It is pickled for other processes, where the copy loads the bundle itself.

    Parameters
    ----------
    bundle, crop, provider
        See `lpel_serving.engine.explainer.Explainer.load`.
    sha256
        The bundle's digest when the job began.
    read
        The bundle, if it was read already; released when the networks are open.
    """

    def __init__(
        self, bundle: Path, crop: str, provider: str, sha256: str, read: Bundle | None = None
    ) -> None:
        self.crop, self.sha256 = crop, sha256
        self._bundle, self._provider = bundle, provider
        self._read = read
        self._explainer: Explainer | None = None

    @property
    def detects(self) -> bool:
        """Whether the crop detects faces, and reports what it found."""
        return isinstance(parse_crop(self.crop), DetectingCrop)

    def open(self) -> Explainer:
        """Load them once; raise `BundleError` if the bundle has changed since."""
        if self._explainer is None:
            read = self._read or load_bundle(self._bundle)
            self._explainer = Explainer(read, parse_crop(self.crop), self._provider, threads=1)
            self._read = None
        if {self._explainer.bundle_sha256, bundle_digest(self._bundle)} != {self.sha256}:
            raise BundleError(
                f"{self._bundle} has changed since the job began: put it back, or begin another "
                "job."
            )
        return self._explainer

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_read": None, "_explainer": None}
