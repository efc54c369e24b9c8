"""dlib's face recognition network, a ResNet, whose users compare by distance."""

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

SIDE, MEAN = 150, (122.782, 117.001, 104.298)
_STAGES = {32: 3, 64: 3, 128: 2, 256: 2}
"""Residual blocks by their channels; each stage but the first begins with one that halves."""


def convert(members: list[Path], faces: NDArray[np.uint8]) -> ExportedEmbedder:
    """Export it from its manifest and its weights; see `lpel_tf.from_keras`."""
    manifest, data = members
    parts = read_weights(json.loads(manifest.read_bytes()), data.read_bytes())
    return from_keras(build(parts), name=DLIB_RESNET.title, standardisation="none", faces=faces)


@float32_layers()
def build(parts: Parts) -> Any:
    """Build it in Keras.

    Returns
    -------
    keras.Model
        From RGB pixels, 0 to 255, shape (batch, 150, 150, 3), to embeddings, shape (batch, 128).
    """
    layers = require("keras", "train").layers
    image = layers.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 255, [-one / 255 for one in MEAN])(image)
    x = _convolution(parts, "conv32_down", x, strides=2, padding="valid")
    x = layers.MaxPooling2D(3, 2)(layers.ReLU()(x))
    for channels, blocks in _STAGES.items():
        if channels > min(_STAGES):
            x = _block(parts, f"conv{channels}_down", x, halves=True)
        for number in range(1, blocks + 1):
            x = _block(parts, f"conv{channels}_{number}", x)
    x = _block(parts, "conv256_down_out", x, halves=True)
    x = layers.GlobalAveragePooling2D()(x)
    dense = layers.Dense(parts["fc"].shape[1], use_bias=False, name="embedding")
    model = require("keras", "train").Model(image, dense(x), name="dlib_resnet")
    dense.set_weights([parts["fc"]])
    return model


def _block(parts: Parts, name: str, x: Any, *, halves: bool = False) -> Any:
    """Two convolutions beside a shortcut, which is averaged where the block halves."""
    keras = require("keras", "train")
    layers = keras.layers
    how: Any = {"strides": 2, "padding": "valid"} if halves else {}
    inner = layers.ReLU()(_convolution(parts, f"{name}/conv1", x, **how))
    inner = _convolution(parts, f"{name}/conv2", inner)
    if halves:
        x = layers.AveragePooling2D(2, 2)(x)
        rows, columns = (a - b for a, b in zip(x.shape[1:3], inner.shape[1:3], strict=True))
        inner = layers.ZeroPadding2D(((0, rows), (0, columns)))(inner)
        if inner.shape[3] > x.shape[3]:
            x = layers.Concatenate()([x, keras.ops.zeros_like(x)])
    return layers.ReLU()(layers.Add()([x, inner]))


def _convolution(parts: Parts, name: str, x: Any, strides: int = 1, padding: str = "same") -> Any:
    """A convolution whose output is scaled and shifted, which its own weights can do."""
    filters, scale = parts[f"{name}/conv/filters"], parts[f"{name}/scale/weights"]
    bias = parts[f"{name}/conv/bias"] * scale + parts[f"{name}/scale/biases"]
    layer = require("keras", "train").layers.Conv2D(
        filters.shape[3], filters.shape[0], strides, padding, name=name.replace("/", "_")
    )
    made = layer(x)
    layer.set_weights([filters * scale, bias])
    return made


DLIB_RESNET = PublishedNetwork(
    key="dlib-resnet",
    title="dlib ResNet",
    dimension=128,
    side=SIDE,
    standardisation="(x - (122.782, 117.001, 104.298)) / 255",
    compares_by="euclidean",
    package=Package(
        "@vladmandic/face-api",
        "1.7.15",
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        13,
        {
            "model/face_recognition_model-weights_manifest.json": (
                "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"
            ),
            "model/face_recognition_model.bin": (
                "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"
            ),
        },
    ),
    licence="MIT, as the package has it; dlib's own file of the network is CC0-1.0",
    faces="about 3 million faces of 7,485 people, half of them VGG Face and FaceScrub, says dlib",
    convert=convert,
)
