"""A network whose unit embedding loses a known vector with each superpixel that turns black."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.equations.comparison import COSINE
from lpel_serving.methods.networks import no_features, no_simulation
from support.networks import SIDE, SIZE, WEIGHTS

RED, GREEN = (255, 0, 0), (0, 255, 0)
ORDER = np.roll(WEIGHTS, 4)
"""What the superpixels of green images weigh; those of red ones weigh `WEIGHTS`."""


def losses_of(weights: np.ndarray, along: int, sideways: int) -> np.ndarray:
    """Vectors that sum to a unit vector, none of whose partial sums is longer: (K, 4).

    Each is its weight's share of one axis, and no more than that of another.
    """
    share = weights / weights.sum()
    tilt = np.linspace(0, 1, len(share)) ** 2
    vectors = np.zeros((len(share), 4))
    vectors[:, along] = share
    vectors[:, sideways] = share * (tilt - share @ tilt)
    return vectors


@dataclass(eq=False)
class Additive:
    """Embeddings of unit length: what red and green superpixels add, and a slack.

    A red image lies on the first axis, a green one on the second, both without slack. The slack,
    the last coordinate, makes up for the length that is lost; it says nothing to whoever compares
    with an image without slack.
    """

    red = losses_of(WEIGHTS, 0, 2)
    green = losses_of(ORDER, 1, 3)
    features = staticmethod(no_features)
    simulate = staticmethod(no_simulation)

    def embed(self, crops):
        block = crops.shape[1] // SIDE
        squares = crops.reshape(-1, SIDE, block, SIDE, block, 3)
        light = squares.mean(axis=(2, 4)).reshape(len(crops), SIDE * SIDE, 3) / 255
        known = light[..., 0] @ self.red + light[..., 1] @ self.green
        slack = np.sqrt(np.clip(1 - np.square(known).sum(axis=1), 0, None))
        return np.column_stack([known, slack]).astype(np.float32)

    def decode(self, embeddings):
        raise AssertionError("the decoder was asked")

    simulated_fills = ()
    comparison = COSINE
    decodes = False

    def respond(self, embeddings):
        """What is right of red and of green images, but for the slack."""
        known = np.tensordot(embeddings[:, :2], np.stack([self.red, self.green]), axes=1)
        return np.pad(known, ((0, 0), (0, 0), (0, 1))).astype(np.float32)


def coloured(colour, size: int = SIZE) -> np.ndarray:
    """An image of one colour, uint8, shape (size, size, 3)."""
    return np.full((size, size, 3), colour, np.uint8)
