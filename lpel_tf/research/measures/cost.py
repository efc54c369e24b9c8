"""The cost of an explanation: the number of images and embeddings that networks were run on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.methods.networks import ImageFeatures, Networks, Simulation
from lpel_serving.support.arrays import Floats


@dataclass(eq=False)
class CountingNetworks:
    """Networks that count what goes through them, and are otherwise those that they wrap.

    Attributes
    ----------
    networks
        The ones that answer.
    embedded, decoded
        Images that were embedded, and embeddings that were decoded, so far; whatever raised an
        error does not count. Set them to 0 to begin again.
    """

    networks: Networks
    embedded: int = 0
    decoded: int = 0

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
        embeddings = self.networks.embed(crops)
        self.embedded += len(crops)
        return embeddings

    @property
    def decodes(self) -> bool:
        """See `Networks.decodes`."""
        return self.networks.decodes

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, H, 3)."""
        images = self.networks.decode(embeddings)
        self.decoded += len(embeddings)
        return images

    def respond(self, embeddings: Floats, /) -> Floats:
        """Predict responses: embeddings, shape (N, D), to attribution vectors, (N, K, D)."""
        return self.networks.respond(embeddings)

    def features(self, crops: NDArray[np.uint8], /) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3)."""
        found = self.networks.features(crops)
        self.embedded += len(crops)
        return found

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None, /
    ) -> Simulation:
        """Prepare to ask what replacing superpixels does; see `Networks.simulate`."""
        return self.networks.simulate(images, fill, donors)

    def __getattr__(self, name: str) -> Any:
        # Copying asks for attributes before there are any networks to be asked for them.
        if "networks" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.networks, name)
