"""What a figure says of where it comes from: nothing of its reader, and no file's name."""

import textwrap
from dataclasses import dataclass
from importlib.metadata import version

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.methods.method import Method, title_of

_LONGEST = 60
"""Letters of a network's name, or of a crop's, beyond which it is cut short."""


@dataclass(frozen=True)
class Source:
    """What explained a pair.

    Attributes
    ----------
    method, title
        Its name, and what it is called in plain words.
    crop
        How the faces were cut out.
    network
        What the bundle calls the network.
    bundle
        Identity of the bundle; empty if there is none.
    """

    method: str
    title: str
    crop: str
    network: str
    bundle: str = ""

    @property
    def words(self) -> str:
        """All of it, and the version, as sentences."""
        title = "" if self.title == self.method else f": {_short(self.title)}"
        bundle = f", bundle {self.bundle[:12]}" if self.bundle else ""
        return (
            f"Method {self.method}{title}. Crop: {_short(self.crop)}. Network: "
            f"{_short(self.network)}{bundle}. lpel {version('lpel-tf')}."
        )


def source_of(manifest: Manifest, name: str, method: Method, crop: str) -> Source:
    """Say what explains with a bundle.

    Parameters
    ----------
    manifest
        Of the bundle.
    name, method
        What explains, and its name.
    crop
        How the faces are cut out: see `lpel_serving.images.crops.parse_crop`.
    """
    return Source(name, title_of(method, name), crop, manifest.embedder.name, manifest.identity)


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" …") or text[:_LONGEST]
