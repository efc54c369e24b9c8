"""Tables of masked images whose losses follow from local features, and are not additive."""

from dataclasses import dataclass

import numpy as np

from lpel_tf.surrogates.table import SurrogateTable

DIMENSION, GRID, CHANNELS, FILLS = 4, 3, 3, ("normal", "mean", "blur", "transplant")
PEOPLE = 10


@dataclass(frozen=True)
class Truth:
    """What is lost is a bent sum over members of what their features differ from the fill's."""

    seed: int = 1

    def table(self, seed: int, n: int, pairs: int = 2) -> SurrogateTable:
        """N photographs with so many pairs of coalitions for each fill."""
        k, d, f = GRID**2, DIMENSION, len(FILLS)
        own = np.random.default_rng(self.seed)
        kernel = own.normal(0, 0.15, (k, CHANNELS, d)) + 0.1 * own.normal(size=d)
        colours = own.normal(0, 0.5, (f, CHANNELS))
        rng = np.random.default_rng((seed, 5))
        h = rng.normal(size=(n, d)) + 0.5
        h /= np.linalg.norm(h, axis=1, keepdims=True)
        local = rng.normal(size=(n, k, CHANNELS)).astype(np.float16)
        donors = np.roll(np.arange(n), 1)
        sizes = rng.integers(1, k, (n, f, pairs, 1))
        half = rng.random((n, f, pairs, k)).argsort(axis=-1).argsort(axis=-1) < sizes
        coalitions = np.stack([half, ~half], axis=3).reshape(n, f, 2 * pairs, k)
        given = np.broadcast_to(colours[np.newaxis, :, np.newaxis], (n, f, k, CHANNELS)).copy()
        given[:, -1] = local[donors]
        change = np.einsum("nfkc,kcd->nfkd", local[:, np.newaxis] - given, kernel)
        lost = 0.5 * np.tanh(coalitions.astype(np.float64) @ change)
        masked = h[:, np.newaxis, np.newaxis] - lost
        people = tuple(f"person {seed} {i % PEOPLE}" for i in range(n))
        return SurrogateTable(
            h.astype(np.float32),
            local,
            people,
            np.arange(n),
            donors,
            coalitions,
            masked.astype(np.float16),
        )


def mean_predictor(train: SurrogateTable):
    """The best prediction that knows fill and size alone: mean losses, of training photographs."""
    sizes = train.coalitions.sum(axis=-1)
    lost = train.embeddings[:, np.newaxis, np.newaxis] - train.masked.astype(np.float32)
    means = np.zeros((len(FILLS), GRID**2 + 1, DIMENSION), np.float32)
    for fill in range(len(FILLS)):
        for size in np.unique(sizes[:, fill]):
            means[fill, size] = lost[:, fill][sizes[:, fill] == size].mean(axis=0)

    def predict(inputs):
        counts = inputs[4].sum(axis=-1).astype(int)
        return means[np.arange(len(FILLS))[:, np.newaxis], counts]

    return predict
