"""Networks whose surrogate simulates a game that is known."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import ImageFeatures
from support import tiny_surrogate
from support.games import Pairwise, pairwise
from support.images import pixels

SIDE, K = 4, 16


def no_embedder(crops: np.ndarray) -> np.ndarray:
    raise AssertionError("an altered image was embedded")


def no_decoder(embeddings: np.ndarray) -> np.ndarray:
    raise AssertionError("a decoder was asked")


@dataclass(eq=False)
class TinyNetworks:
    """The tiny bundle's networks in numpy, with its surrogate; what is asked is counted."""

    calls: list[tuple[int, ...]] = field(default_factory=list)
    passes: int = 0
    embed: Callable = no_embedder
    decode: Callable = no_decoder
    respond: Callable = no_decoder
    simulated_fills: tuple[str, ...] = tiny_surrogate.FILLS
    comparison: Comparison = COSINE

    def features(self, crops):
        self.passes += 1
        return tiny_surrogate.features(crops)

    def simulate(self, images, fill, donors=None):
        simulation = tiny_surrogate.simulate(images, fill, donors)

        def counted(coalitions):
            self.calls.append((len(images.embeddings), *coalitions.shape))
            return simulation(coalitions)

        return counted


@dataclass(eq=False)
class Simulating(TinyNetworks):
    """Networks of one game: an image's place along the reference is the game's value.

    Embeddings are (x, y, 0...): the reference is the first axis, so that the similarity of the
    masked test is its first coordinate, ``game.values(S)``. Every other image is masked without
    effect, so that the game of a dissimilar pair is the same.
    """

    game: Pairwise = field(default_factory=lambda: pairwise(np.random.default_rng(0), K))

    def features(self, crops):
        self.passes += 1
        which = (crops[:, 0, 0, 0] == 0).astype(np.float32)  # 1 for a test
        return ImageFeatures(np.zeros((len(crops), 2), np.float32), local_of(which))

    def simulate(self, images, fill, donors=None):
        def simulation(coalitions):
            self.calls.append((len(images.embeddings), *coalitions.shape))
            asked = np.broadcast_to(coalitions, (len(images.embeddings), *coalitions.shape[-2:]))
            h = unit(images.embeddings)[:, np.newaxis].repeat(asked.shape[1], axis=1)
            test = images.local[:, 0, 0] == 1
            h[test, :, 0] = self.game.values(asked[test])
            return h.astype(np.float32)

        return simulation


def local_of(which: np.ndarray) -> np.ndarray:
    return np.broadcast_to(which[:, np.newaxis, np.newaxis], (len(which), K, 1)).copy()


def game_pair(similar: bool, game: Pairwise) -> FacePair:
    """A pair for `Simulating`: a white reference, a black test."""
    reference, test = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    start = float(game.values(np.zeros(K, bool)))
    h_t = np.array([start, np.sqrt(1 - start**2)], np.float32)
    return FacePair(reference, test, np.array([1, 0], np.float32), h_t, similar)


def tiny_pair(similar: bool, seeds: tuple[int, int] = (0, 1)) -> FacePair:
    """A pair of noise with the tiny bundle's embeddings."""
    reference, test = (pixels(seed) for seed in seeds)
    h_r, h_t = tiny_surrogate.features(np.stack([reference, test])).embeddings
    return FacePair(reference, test, h_r, h_t, similar)
