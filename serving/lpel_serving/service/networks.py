"""The networks as one request sees them: shared, and stopped when the request is cancelled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.comparison import Comparison
from lpel_serving.methods.networks import ImageFeatures, Simulation
from lpel_serving.service.batcher import Batcher
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.support.arrays import Floats, Memberships

PORTION = 4
"""Crops that long work hands to the batcher at a time, so that it stops soon when cancelled."""


@dataclass(frozen=True, eq=False)
class CancellableNetworks:
    """Networks that raise `WithdrawnError` once a token is cancelled.

    They are `lpel_serving.methods.networks.Networks`, to be used from a worker thread.

    Attributes
    ----------
    explainer
        The engine.
    batcher
        Embeds the crops.
    token
        Of the request.
    on_embedded
        Called with the number of crops that were embedded.
    """

    explainer: Explainer
    batcher: Batcher
    token: CancellationToken
    on_embedded: Callable[[int], object]

    @property
    def comparison(self) -> Comparison:
        """See `Networks.comparison`."""
        return self.explainer.comparison

    @property
    def simulated_fills(self) -> tuple[str, ...]:
        """See `Networks.simulated_fills`."""
        return self.explainer.simulated_fills

    def embed(self, crops: NDArray[np.uint8], /) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D)."""
        embeddings = np.empty((len(crops), self.explainer.manifest.embedder.dimension), np.float32)
        for start in range(0, len(crops), PORTION):
            self.token.check()
            portion = list(crops[start : start + PORTION])
            embeddings[start : start + PORTION] = self.batcher.submit(
                portion, self.token, urgent=False
            ).result()
            self.on_embedded(len(portion))
        return embeddings

    @property
    def decodes(self) -> bool:
        """See `Networks.decodes`."""
        return self.explainer.decodes

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, H, 3)."""
        self.token.check()
        return self.explainer.decode(embeddings)

    def respond(self, embeddings: Floats, /) -> Floats:
        """Predict attribution vectors: embeddings, shape (N, D), to (N, K, D)."""
        self.token.check()
        return self.explainer.respond(embeddings)

    def features(self, crops: NDArray[np.uint8], /) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3)."""
        if not self.explainer.simulates or not len(crops):
            return self.explainer.features(crops)  # refuses, or has nothing to compute
        parts: list[ImageFeatures] = []
        for start in range(0, len(crops), PORTION):
            self.token.check()
            portion = list(crops[start : start + PORTION])
            order = self.batcher.submit_for_features(portion, self.token, urgent=False)
            parts.append(order.result())
            self.on_embedded(len(portion))
        return ImageFeatures(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.local for part in parts]),
        )

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None, /
    ) -> Simulation:
        """Prepare to ask what replacing superpixels does; see `Networks.simulate`."""
        self.token.check()
        simulation = self.explainer.simulate(images, fill, donors)

        def unless_cancelled(coalitions: Memberships, /) -> Floats:
            self.token.check()
            return simulation(coalitions)

        return unless_cancelled
