"""Networks that embed no image twice (within one pair; see `engine.store`)."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.method import ImageFeatures, Networks
from lpel_serving.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class EachOnce:
    """Wraps networks so that each distinct image is embedded only once.

    Use it for one pair: it keeps the embeddings of all images.

    Attributes
    ----------
    networks
        The wrapped networks, whose embedding of an image does not depend on the rest of a batch.
    """

    networks: Networks
    _kept: dict[bytes, Floats] = field(default_factory=dict[bytes, Floats], repr=False)

    def embed(self, crops: NDArray[np.uint8], /) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D)."""
        contents = [hashlib.sha256(crop.tobytes()).digest() for crop in crops]
        new = {
            content: crop
            for content, crop in zip(contents, crops, strict=True)
            if content not in self._kept
        }
        if len(new) == len(contents):
            found = self.networks.embed(crops)
            self._kept.update(zip(new, found, strict=True))
            return found
        if new:
            found = self.networks.embed(np.stack(list(new.values())))
            self._kept.update(zip(new, found, strict=True))
        return np.stack([self._kept[content] for content in contents])

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, H, 3)."""
        return self.networks.decode(embeddings)

    def respond(self, embeddings: Floats, /) -> Floats:
        """Predict attribution vectors: embeddings, shape (N, D), to (N, K, D)."""
        return self.networks.respond(embeddings)

    def features(self, crops: NDArray[np.uint8], /) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3)."""
        return self.networks.features(crops)

    def simulate(
        self,
        images: ImageFeatures,
        coalitions: NDArray[np.bool_],
        fill: str,
        donors: ImageFeatures | None = None,
        /,
    ) -> Floats:
        """Predict embeddings of images with coalitions replaced; see `Networks.simulate`."""
        return self.networks.simulate(images, coalitions, fill, donors)
