"""Small surrogates with random weights, and inputs for them."""

import numpy as np

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.networks import ImageFeatures
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork, build_network, to_numpy

SIZES = Sizes(dimension=5, side=3, channels=4, fills=4, token=8, state=10, dense=6)


def random_network(sizes: Sizes = SIZES, seed: int = 0) -> SurrogateNetwork:
    """One whose every weight is random, so that no part of it can be left out unnoticed."""
    rng = np.random.default_rng(seed)
    shapes = {
        name: one.shape for name, one in to_numpy(build_network(sizes), sizes).weights.items()
    }
    weights = {name: rng.normal(0, 0.4, shape) for name, shape in shapes.items()}
    return SurrogateNetwork(sizes, {name: one.astype(np.float32) for name, one in weights.items()})


def random_images(n: int, sizes: Sizes = SIZES, seed: int = 0) -> ImageFeatures:
    """Features of N images that do not exist, embeddings of unit length."""
    rng = np.random.default_rng((seed, 1))
    h = unit(rng.normal(size=(n, sizes.dimension)).astype(np.float32))
    local = rng.normal(size=(n, sizes.superpixels, sizes.channels)).astype(np.float32)
    return ImageFeatures(h, local)


def random_coalitions(count: int, sizes: Sizes = SIZES, seed: int = 0) -> np.ndarray:
    """Coalitions for each fill, shape (F, count, K); the first of each is empty."""
    rng = np.random.default_rng((seed, 2))
    drawn = rng.random((sizes.fills, count, sizes.superpixels)) < 0.5
    drawn[:, 0] = False
    return drawn
