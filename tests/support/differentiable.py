"""Small Keras networks whose gradients are known: blocks' means, weighed."""

import numpy as np

from lpel_serving.methods.method import FacePair
from lpel_tf.research.gradients import Differentiable

SIDE, BLOCK, CHANNELS, FEATURES = 6, 3, 4, 5
BLOCKS = SIDE // BLOCK


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def kernels(dimension: int = FEATURES, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Of `network`: (3, C) for the colours, (blocks, blocks, C, D) for the embedding."""
    rng = generator(seed)
    colours = rng.normal(size=(3, CHANNELS)).astype(np.float32)
    embedding = rng.normal(size=(BLOCKS, BLOCKS, CHANNELS, dimension)).astype(np.float32)
    return colours, embedding


def network(colours: np.ndarray, embedding: np.ndarray, activation: str = "linear"):
    """Means of blocks; a layer ``features`` at every block; all of them weighed.

    Shapes: colours (3, C), embedding (blocks, blocks, C, D), as `kernels` gives them.
    """
    import keras

    image = keras.Input((SIDE, SIDE, 3))
    means = keras.layers.AveragePooling2D(BLOCK)(image)
    channels = colours.shape[1]
    conv = keras.layers.Conv2D(channels, 1, use_bias=False, activation=activation, name="features")
    flat = keras.layers.Flatten(name="flat")(conv(means))
    dense = keras.layers.Dense(embedding.shape[-1], use_bias=False, name="embedding")
    model = keras.Model(image, dense(flat))
    conv.set_weights([colours[np.newaxis, np.newaxis]])
    dense.set_weights([embedding.reshape(-1, embedding.shape[-1])])
    return model


def halves() -> Differentiable:
    """Embedding: mean of the left half over all colours, and of the right half, as they are."""
    import keras

    image = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.AveragePooling2D((SIDE, SIDE // 2), name="pooled")(image)
    dense = keras.layers.Dense(2, use_bias=False)
    model = keras.Model(image, dense(keras.layers.Flatten()(pooled)))
    kernel = np.zeros((6, 2), np.float32)
    kernel[:3, 0] = kernel[3:, 1] = 1 / 3
    dense.set_weights([kernel])
    return Differentiable(model, "none")


def half_and_half(left: int, right: int) -> np.ndarray:
    """A picture, grey on either side: uint8, shape (S, S, 3)."""
    image = np.full((SIDE, SIDE, 3), left, np.uint8)
    image[:, SIDE // 2 :] = right
    return image


def pair_for(
    differentiable: Differentiable, reference: np.ndarray, test: np.ndarray, similar: bool = True
) -> FacePair:
    h_r, h_t = differentiable.embed(np.stack([reference, test]))
    differentiable.forwards = 0
    return FacePair(reference, test, h_r, h_t, similar)
