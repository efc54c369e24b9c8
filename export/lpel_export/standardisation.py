"""What a network does to pixels before it looks at them: part of the exported graph.

Each is a function of TensorFlow tensors, from uint8 RGB, shape (batch, S, S, 3), to float32.
"""

from collections.abc import Callable
from typing import Any

from lpel_serving.extras import require

Standardisation = Callable[[Any], Any]


def fixed(image: Any) -> Any:
    """Map pixels to [-1, 1] by ``(x - 127.5) / 127.5``: FaceNet's 512-dimensional weights."""
    tf = require("tensorflow", "train")
    return (tf.cast(image, tf.float32) - 127.5) / 127.5


def per_image(image: Any) -> Any:
    """Give each image mean 0 and standard deviation 1: FaceNet's 128-dimensional weights.

    The deviation is at least ``1 / sqrt(pixels)``, so that a plain image does not divide by zero.
    """
    tf = require("tensorflow", "train")
    pixels = tf.cast(image, tf.float32)
    centred = pixels - tf.reduce_mean(pixels, axis=[1, 2, 3], keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axis=[1, 2, 3], keepdims=True))
    # The size is a constant of the graph: computed in it, it would be for the CPU alone.
    return centred / tf.maximum(deviation, pixels.shape[1:].num_elements() ** -0.5)


def unit(image: Any) -> Any:
    """Map pixels to [0, 1]."""
    tf = require("tensorflow", "train")
    return tf.cast(image, tf.float32) / 255


def none(image: Any) -> Any:
    """Hand pixels over as they are, 0 to 255, as float32: for models that rescale by themselves."""
    tf = require("tensorflow", "train")
    return tf.cast(image, tf.float32)


STANDARDISATIONS: dict[str, Standardisation] = {
    "fixed": fixed,
    "per image": per_image,
    "unit": unit,
    "none": none,
}
"""By the names that stand in a bundle's manifest."""
