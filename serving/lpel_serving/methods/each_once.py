"""Networks that embed no image twice (within one pair; see `engine.store`).

An image goes through again only for local features that are asked for after its embedding.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.methods.networks import ImageFeatures, Networks, Simulation
from lpel_serving.support.arrays import Floats, Pixels

_Features = tuple[Floats, Floats]
"""The embedding and the local features of one image."""


@dataclass(frozen=True, eq=False)
class EachOnce:
    """Wraps networks so that each distinct image is embedded only once.

    Use it for one pair: it keeps the embeddings of all images, and their local features where they
    are asked for. Where these are known, so is the embedding.

    Attributes
    ----------
    networks
        The wrapped networks, whose embedding of an image does not depend on the rest of a batch.
    """

    networks: Networks
    _embedded: dict[bytes, Floats] = field(default_factory=dict[bytes, Floats], repr=False)
    _features: dict[bytes, _Features] = field(default_factory=dict[bytes, _Features], repr=False)

    @property
    def comparison(self) -> Comparison:
        """See `Networks.comparison`."""
        return self.networks.comparison

    @property
    def simulated_fills(self) -> tuple[str, ...]:
        """See `Networks.simulated_fills`."""
        return self.networks.simulated_fills

    def embed(self, crops: NDArray[np.uint8], /) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D)."""
        contents = _contents(crops)
        for content in self._features.keys() & set(contents):
            self._embedded.setdefault(content, self._features[content][0])
        new = _unknown(contents, crops, self._embedded)
        if len(new) == len(contents):
            found = self.networks.embed(crops)
            self._embedded.update(zip(new, found, strict=True))
            return found
        if new:
            found = self.networks.embed(np.stack(list(new.values())))
            self._embedded.update(zip(new, found, strict=True))
        return np.stack([self._embedded[content] for content in contents])

    def features(self, crops: NDArray[np.uint8], /) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3)."""
        contents = _contents(crops)
        new = _unknown(contents, crops, self._features)
        if len(new) == len(contents):
            found = self.networks.features(crops)
            _keep(self._features, new, found)
            return found
        if new:
            _keep(self._features, new, self.networks.features(np.stack(list(new.values()))))
        of_images = [self._features[content] for content in contents]
        embeddings, local = zip(*of_images, strict=True)
        return ImageFeatures(np.stack(embeddings), np.stack(local))

    @property
    def decodes(self) -> bool:
        """See `Networks.decodes`."""
        return self.networks.decodes

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, H, 3)."""
        return self.networks.decode(embeddings)

    def respond(self, embeddings: Floats, /) -> Floats:
        """Predict attribution vectors: embeddings, shape (N, D), to (N, K, D)."""
        return self.networks.respond(embeddings)

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None, /
    ) -> Simulation:
        """Prepare to ask what replacing superpixels does; see `Networks.simulate`."""
        return self.networks.simulate(images, fill, donors)


def knowing(networks: Networks, crops: Sequence[Pixels], features: ImageFeatures) -> EachOnce:
    """Wrap networks that need not compute the features of some images again.

    Parameters
    ----------
    networks
        The networks.
    crops
        The images, uint8, shape (S, S, 3) each.
    features
        Theirs.
    """
    known: dict[bytes, _Features] = {}
    _keep(known, _contents(crops), features)
    return EachOnce(networks, {}, known)


def _contents(crops: Iterable[Pixels]) -> list[bytes]:
    return [hashlib.sha256(crop.tobytes()).digest() for crop in crops]


def _unknown(
    contents: Iterable[bytes], crops: Iterable[Pixels], known: Collection[bytes]
) -> dict[bytes, Pixels]:
    """The distinct images that are not known yet, by content."""
    both = zip(contents, crops, strict=True)
    return {content: crop for content, crop in both if content not in known}


def _keep(known: dict[bytes, _Features], contents: Iterable[bytes], found: ImageFeatures) -> None:
    rows = zip(found.embeddings, found.local, strict=True)
    known.update(zip(contents, rows, strict=True))
