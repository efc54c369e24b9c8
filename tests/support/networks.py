"""Networks and methods whose every answer is known, for the laboratory's tests."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import ImageFeatures, no_features, no_simulation

SIZE = 16
SIDE = 4
TARGET = 8
WEIGHTS = np.array([7, 2, 16, 11, 1, 9, 14, 5, 12, 3, 8, 15, 6, 13, 10, 4])
"""One for each superpixel of a 4 by 4 grid, all different, so that every order is known."""


@dataclass(eq=False)
class Weighing:
    """An embedder that weighs how dark each superpixel is.

    An embedding is ``(T, x)``: T the sum of the weights, x that of the weights of black
    superpixels; a grey one counts in part. All is exact, whatever is embedded together.
    """

    comparison = COSINE
    decodes = True

    weights: np.ndarray = field(default_factory=lambda: WEIGHTS)
    calls: list[list[bytes]] = field(default_factory=list)
    features = staticmethod(no_features)
    simulate = staticmethod(no_simulation)

    def embed(self, crops):
        self.calls.append([crop.tobytes() for crop in crops])
        side = round(len(self.weights) ** 0.5)
        block = crops.shape[1] // side
        squares = crops.reshape(-1, side, block, side, block, 3)
        light = squares.sum(axis=(2, 4, 5), dtype=np.int64)
        full = 255 * block * block * 3
        x = (full - light).reshape(len(crops), -1) @ self.weights / full
        return np.stack([np.full(len(crops), self.weights.sum()), x], axis=1).astype(np.float32)

    def decode(self, embeddings):
        kernel = np.linspace(-1, 1, 2 * TARGET * TARGET * 3).reshape(2, -1).astype(np.float32)
        return (embeddings @ kernel).reshape(-1, TARGET, TARGET, 3)

    @property
    def images(self) -> int:
        """How many images have been embedded."""
        return sum(map(len, self.calls))


@dataclass(eq=False)
class Linear:
    """A linear embedder and linear decoders with random weights."""

    size: int = SIZE
    dimension: int = 6
    target: int = TARGET
    seed: int = 0
    simulated_fills = ("normal", "mean", "blur", "transplant")
    comparison = COSINE
    decodes = True

    def embed(self, crops):
        return (crops.reshape(len(crops), -1) / np.float32(255) - np.float32(0.5)) @ self.f

    def decode(self, embeddings):
        images = embeddings @ self.g + np.float32(0.5)
        return images.reshape(-1, self.target, self.target, 3)

    def respond(self, embeddings):
        return (embeddings @ self.r).reshape(len(embeddings), SIDE * SIDE, self.dimension)

    def features(self, crops):
        block = crops.shape[1] // SIDE
        squares = crops.reshape(-1, SIDE, block, SIDE, block, 3) / np.float32(255)
        local = squares.mean(axis=(2, 4)).reshape(len(crops), SIDE * SIDE, 3)
        return ImageFeatures(self.embed(crops), local)

    def simulate(self, images, fill, donors=None):
        given = np.float32(len(fill) / 16) if donors is None else donors.local
        changes, whole = (images.local - given) @ self.s, unit(images.embeddings)[:, np.newaxis]
        return lambda coalitions: whole - coalitions.astype(np.float32) @ changes

    @property
    def f(self):
        kernel = np.random.default_rng(self.seed).normal(size=(self.size**2 * 3, self.dimension))
        return (kernel / self.size).astype(np.float32)

    @property
    def g(self):
        rng = np.random.default_rng((self.seed, 1))
        return rng.normal(size=(self.dimension, self.target**2 * 3)).astype(np.float32)

    @property
    def s(self):
        rng = np.random.default_rng((self.seed, 3))
        return (rng.normal(size=(3, self.dimension)) / (SIDE * SIDE)).astype(np.float32)

    @property
    def r(self):
        rng = np.random.default_rng((self.seed, 2))
        kernel = rng.normal(size=(self.dimension, SIDE * SIDE * self.dimension))
        return (kernel / (SIDE * SIDE)).astype(np.float32)


@dataclass(eq=False)
class Fixed:
    """A method that answers with one map."""

    comparison = COSINE
    decodes = True

    values: np.ndarray

    def __call__(self, pair, networks, rng):
        return self.values.astype(np.float32)


BEST = Fixed(WEIGHTS.reshape(SIDE, SIDE))
"""The order that makes `Weighing` lose, or gain, the most at every step."""


def plain(level: int, size: int = SIZE) -> np.ndarray:
    """An image of one grey, uint8, shape (size, size, 3)."""
    return np.full((size, size, 3), level, np.uint8)


def face_pair(networks, reference: np.ndarray, test: np.ndarray, similar: bool) -> FacePair:
    """A pair with its embeddings."""
    h_r, h_t = networks.embed(np.stack([reference, test]))
    return FacePair(reference, test, h_r, h_t, similar)


def similar_pairs(levels=(255, 230, 204)) -> list[FacePair]:
    """A white reference with tests of some greys, for `Weighing` and black fill."""
    return [face_pair(Weighing(), plain(255), plain(level), similar=True) for level in levels]


def dissimilar_pairs(levels=(0, 30, 60)) -> list[FacePair]:
    """A white reference with darker tests, for `Weighing`."""
    return [face_pair(Weighing(), plain(255), plain(level), similar=False) for level in levels]
