"""A stage: work in numbered pieces, with the networks of the job at hand."""

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
    """One piece of work that was done, its results on the disk.

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
"""Whether the work is to be given up."""

Work = Callable[[int, Stopped], Done]
"""Does a piece of work, by its number; safe to call from several threads."""


class Stage(Protocol):
    """Work in numbered pieces, which may be done in any order and anywhere; it can be pickled.

    A piece writes its own results, whole or not at all, and to do it again writes the same bytes.
    """

    def open(self) -> Work:
        """Load what is needed to do pieces."""
        ...


class StageRunner(Protocol):
    """Has pieces of work done."""

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Do pieces, and tell of each as soon as it is done; when closed, give up what is left."""
        ...


def give_up_if(stopped: Stopped) -> None:
    """Raise `WithdrawnError` if the work is to be given up."""
    if stopped():
        raise WithdrawnError("the job was stopped.")


class BundleSource:
    """The networks of a job: those with which it began, loaded once in each process.

    Runners of other processes pickle it; a copy there loads the bundle for itself.

    Parameters
    ----------
    bundle, crop, provider
        See `lpel_serving.engine.explainer.Explainer.load`.
    sha256
        The bundle's digest when the job began.
    read
        The bundle, if it was read already; let go of when the networks are open.
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
        """Whether the crop looks for faces, and says what it found."""
        return isinstance(parse_crop(self.crop), DetectingCrop)

    def open(self) -> Explainer:
        """Load them, if they are not; raise `BundleError` if the bundle is another one by now."""
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
