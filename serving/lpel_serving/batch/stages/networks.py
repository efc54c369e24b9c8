"""The networks of a job: those with which it began, wherever they are loaded."""

from dataclasses import dataclass
from pathlib import Path

from lpel_serving.engine.explainer import Explainer
from lpel_serving.images.crops import DetectingCrop, parse_crop
from lpel_serving.support.errors import BundleError


@dataclass(frozen=True)
class BundleSource:
    """How every worker loads the bundle of a job, and no other.

    Attributes
    ----------
    bundle, crop, provider
        See `lpel_serving.engine.explainer.Explainer.load`.
    sha256
        The bundle's digest when the job began.
    """

    bundle: Path
    crop: str
    provider: str
    sha256: str

    @property
    def detects(self) -> bool:
        """Whether the crop looks for faces, and says what it found."""
        return isinstance(parse_crop(self.crop), DetectingCrop)

    def open(self) -> Explainer:
        """Load them; raise `BundleError` if the bundle is another one by now."""
        explainer = Explainer.load(self.bundle, crop=self.crop, provider=self.provider, threads=1)
        if explainer.bundle_sha256 != self.sha256:
            raise BundleError(
                f"{self.bundle} has changed since the job began: put it back, or begin another job."
            )
        return explainer
