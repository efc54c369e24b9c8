"""The dense decoder of Table 5.1 in Keras."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.support.policy import float32_layers

LEARNING_RATE = 0.001
IMAGE_SIZE = 40
"""Side of the reconstructions in the thesis."""


@float32_layers()
def build_decoder(dimension: int, image_size: int = IMAGE_SIZE, penalty: Any = None) -> Any:
    """Build Table 5.1: Dense from D to ``H * H * 3``, linear, reshaped to an image.

    Parameters
    ----------
    dimension
        D.
    image_size
        H.
    penalty
        A regularizer of the kernel, as Keras takes them.

    Returns
    -------
    keras.Model
        From embeddings, shape (batch, D), to images, shape (batch, H, H, 3).
    """
    keras = require("keras", "train")
    return keras.Sequential(
        [
            keras.Input((dimension,), name="embedding"),
            keras.layers.Dense(
                image_size * image_size * 3, kernel_regularizer=penalty, name="pixels"
            ),
            keras.layers.Reshape((image_size, image_size, 3), name="reconstruction"),
        ],
        name="decoder",
    )


def to_keras(decoder: LinearDecoder) -> Any:
    """Put the weights of a linear decoder into the Keras network."""
    model = build_decoder(decoder.kernel.shape[0], decoder.image_size)
    model.get_layer("pixels").set_weights([decoder.kernel, decoder.bias])
    return model


def mean_squared_error(reconstructions: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """The loss that the thesis quotes: Eq. 4.1 as a mean over images, pixels and channels.

    Parameters
    ----------
    reconstructions
        float32, shape (N, H, H, 3), or one image for all of them, shape (H, H, 3).
    targets
        uint8, shape (N, H, H, 3).
    """
    every = np.broadcast_to(reconstructions, targets.shape)
    # Image by image, so that a large test set takes no large array of differences.
    squares = (np.square(every[i] - targets[i] / 255).mean() for i in range(len(targets)))
    return sum(map(float, squares)) / len(targets)
