"""Names of the stores of embeddings: one for each network, crop, and shape of images kept."""

import hashlib
import os
from importlib.metadata import version
from typing import Protocol

import numpy as np

from lpel_serving.images.crops import Crop, is_known
from lpel_serving.support.image_shape import ImageShape


def fingerprint(crop: Crop, shape: ImageShape) -> str:
    """Tell apart crops that have one name, by what they make of a picture; nothing for a known one.

    A function that refuses the picture is never taken for another, nor for itself.
    """
    if is_known(crop):
        return ""
    picture = np.random.default_rng(0).integers(0, 256, (233, 194, shape.channels), np.uint8)
    try:
        made = np.ascontiguousarray(crop(picture, shape)).tobytes()
    except Exception:  # noqa: BLE001 - whatever a function of somebody's own raises
        made = os.urandom(16)
    return "#" + hashlib.sha256(made).hexdigest()[:16]


class Hashed(Protocol):
    """An exported embedder, or its file in a bundle."""

    @property
    def sha256(self) -> str:
        """Hash of the ONNX model, in hexadecimal."""
        ...


def store_key(embedder: Hashed, crop: str, target: ImageShape | None) -> str:
    """Name the store of embeddings, and of targets of a shape, of a network with a crop."""
    if target is None:
        size = "no images"
    else:
        size = target.height if target.is_square_rgb else "x".join(map(str, target))
    made_of = f"{embedder.sha256}|{crop}|{size}|{version('pillow')}|{version('lpel-tf')}"
    return hashlib.sha256(made_of.encode()).hexdigest()[:32]
