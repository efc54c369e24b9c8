"""Tables of coalitions whose losses are exactly the sums of linear responses."""

from dataclasses import dataclass

import numpy as np

from lpel_tf.decoders.response_decoder import ResponseDecoder
from lpel_tf.decoders.response_table import ResponseTable

DIMENSION, GRID, COALITIONS = 4, 3, 6
PEOPLE = 10


@dataclass(frozen=True)
class Truth:
    """Responses ``own h + W h + b``: a share of the embedding itself, and a smooth rest."""

    dimension: int = DIMENSION
    grid: int = GRID
    seed: int = 1

    def decoder(self) -> ResponseDecoder:
        """The responses as a dense layer."""
        rng = np.random.default_rng(self.seed)
        k, d = self.grid**2, self.dimension
        place = np.stack(np.divmod(np.arange(k), self.grid), axis=1) - (self.grid - 1) / 2
        near = np.exp(-np.square(place).sum(axis=1) / 4)
        own = rng.uniform(0.02, 0.1, k)
        rest = 0.08 * near[:, np.newaxis] * rng.normal(size=(d, 1, d))
        kernel = own[np.newaxis, :, np.newaxis] * np.eye(d)[:, np.newaxis] + rest
        bias = 0.05 * near[:, np.newaxis] * rng.normal(size=d)
        return ResponseDecoder.of_full_rank(kernel.astype(np.float32), bias.astype(np.float32))

    def embeddings(self, seed: int, n: int) -> np.ndarray:
        """Unit vectors about a mean, wider in some directions than in others."""
        rng = np.random.default_rng((seed, 2))
        scale = np.geomspace(1, 0.4, self.dimension)
        h = rng.normal(size=(n, self.dimension)) * scale + 0.5
        return (h / np.linalg.norm(h, axis=1, keepdims=True)).astype(np.float32)

    def table(
        self, seed: int, n: int, noise: float = 0.0, coalitions: int = COALITIONS
    ) -> ResponseTable:
        """Losses to random coalitions of 1 to all but one superpixel, with or without noise."""
        rng = np.random.default_rng((seed, 3))
        h, k = self.embeddings(seed, n), self.grid**2
        sizes = rng.integers(1, k, (n, coalitions, 1))
        chosen = rng.random((n, coalitions, k)).argsort(axis=-1).argsort(axis=-1) < sizes
        losses = chosen.astype(np.float64) @ self.decoder()(h)
        losses += rng.normal(0, noise, losses.shape)
        people = tuple(f"person {seed} {i % PEOPLE}" for i in range(n))
        return ResponseTable(h, chosen, losses.astype(np.float16), people)
