"""The dense decoder of Table 5.1 in Keras."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import DRAWN, ImageShape, drawn_from
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.support.policy import float32_layers

LEARNING_RATE = 0.001
IMAGE_SIZE = DRAWN
"""Side of the reconstructions in the thesis."""


def decoder_shape(shape: ImageShape, image_size: ImageSize | None = None) -> ImageShape:
    """Return the shape of the images that a network's decoder makes.

    Parameters
    ----------
    shape
        Of the network's own images: see `drawn_from`.
    image_size
        A side, (H, W), or (H, W, C), to have another; the network's own channels go with it.

    Raises
    ------
    ParameterError
        If it is none of these, or has other channels than the network's images.
    """
    if image_size is None:
        return drawn_from(shape)
    asked = as_shape(image_size, shape.channels)
    if asked.channels != shape.channels:
        raise ParameterError(
            f"the decoder learns from the network's own images, which are {shape.words}; received "
            f"an image_size of {asked.channels} channels: leave the channels out."
        )
    return asked


@float32_layers()
def build_decoder(dimension: int, shape: ImageShape, penalty: Any = None) -> Any:
    """Build Table 5.1: Dense from D to ``H * W * C``, linear, reshaped to an image.

    Parameters
    ----------
    dimension
        D.
    shape
        (H, W, C).
    penalty
        A regularizer of the kernel, as Keras takes them.

    Returns
    -------
    keras.Model
        From embeddings, shape (batch, D), to images, shape (batch, H, W, C).
    """
    keras = require("keras", "train")
    return keras.Sequential(
        [
            keras.Input((dimension,), name="embedding"),
            keras.layers.Dense(prod(shape), kernel_regularizer=penalty, name="pixels"),
            keras.layers.Reshape(tuple(shape), name="reconstruction"),
        ],
        name="decoder",
    )


def to_keras(decoder: LinearDecoder) -> Any:
    """Put the weights of a linear decoder into the Keras network."""
    model = build_decoder(decoder.kernel.shape[0], decoder.shape)
    model.get_layer("pixels").set_weights([decoder.kernel, decoder.bias])
    return model


def mean_squared_error(reconstructions: NDArray[np.float32], targets: NDArray[np.uint8]) -> float:
    """The loss that the thesis quotes: Eq. 4.1 as a mean over images, pixels and channels.

    Parameters
    ----------
    reconstructions
        float32, shape (N, H, W, C), or one image for all of them, shape (H, W, C).
    targets
        uint8, shape (N, H, W, C).
    """
    every = np.broadcast_to(reconstructions, targets.shape)
    # Image by image, so that a large test set takes no large array of differences.
    squares = (np.square(every[i] - targets[i] / 255).mean() for i in range(len(targets)))
    return sum(map(float, squares)) / len(targets)
