"""Standardises pixels before the network: selected by name, and built into the exported graph.

Each is a function of TensorFlow tensors, from uint8 images, shape (batch, H, W, C), to float32. One
of one's own is a function of the pixels as float32, 0 to 255, such as
``keras.applications.resnet.preprocess_input``.
"""

from collections.abc import Callable
from typing import Any

from lpel_export.support.errors import StandardisationError
from lpel_serving.support.extras import require

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


def imagenet(image: Any) -> Any:
    """Map pixels to [0, 1], less ImageNet's mean, by its deviation: what Keras calls "torch"."""
    tf = require("tensorflow", "train")
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    return (tf.cast(image, tf.float32) / 255 - mean) / deviation


def caffe(image: Any) -> Any:
    """Hand over BGR, less ImageNet's mean, without scaling: Keras' ResNets and VGGs."""
    tf = require("tensorflow", "train")
    bgr = tf.gather(tf.cast(image, tf.float32), [2, 1, 0], axis=-1)
    return bgr - [103.939, 116.779, 123.68]


_IN_COLOUR = ("imagenet", "caffe")
"""Those with a number for each of three colours."""

STANDARDISATIONS: dict[str, Standardisation] = {
    "fixed": fixed,
    "per image": per_image,
    "unit": unit,
    "none": none,
    "imagenet": imagenet,
    "caffe": caffe,
}
"""By the names that stand in a bundle's manifest."""


def find_standardisation(
    standardisation: str | Standardisation, channels: int = 3
) -> Standardisation:
    """Return the standardisation of a name, or one of one's own as a function of uint8 pixels.

    Raises
    ------
    StandardisationError
        If there is none of that name, or it is one of colours and there is one channel.
    """
    if callable(standardisation):
        tf = require("tensorflow", "train")
        return lambda image: tf.cast(standardisation(tf.cast(image, tf.float32)), tf.float32)
    if standardisation not in STANDARDISATIONS:
        raise StandardisationError(
            f"no standardisation is called {standardisation!r}; there are: "
            f"{', '.join(STANDARDISATIONS)}; or give a function of float32 pixels, 0 to 255, such "
            "as the preprocess_input of a module of keras.applications."
        )
    if channels == 1 and standardisation in _IN_COLOUR:
        fitting = ", ".join(name for name in STANDARDISATIONS if name not in _IN_COLOUR)
        raise StandardisationError(
            f"the standardisation {standardisation!r} has a number for each of three colours, and "
            f"this network takes grey images, of one channel: choose one of {fitting}, or give a "
            "function of float32 pixels, 0 to 255."
        )
    return STANDARDISATIONS[standardisation]


def standardisation_name(standardisation: str | Standardisation) -> str:
    """Name a standardisation for the manifest: a function by its module and its own name."""
    if isinstance(standardisation, str):
        return standardisation
    kind = type(standardisation)
    module = getattr(standardisation, "__module__", kind.__module__)
    return f"{module}.{getattr(standardisation, '__qualname__', kind.__qualname__)}"
