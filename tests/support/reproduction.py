"""A reproduction so small that it takes seconds: the tiny network, made-up people, tiny sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from lpel_export.conversion.parity import Parity
from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.image_shape import square
from lpel_serving.support.progress import silent
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.sizes import QUICK
from support import tiny

PEOPLE, EACH, SIDE = 30, 6, 24
FOLDER, NAME = "Zebulon", "quagga"
"""Words in the names of the folders and files that stand nowhere else."""

THRESHOLD = 0.75
SIZES = replace(
    QUICK,
    photographs=None,
    comparisons=60,
    pairs=4,
    every=16,
    every_costly=32,
    draws=2,
    draws_costly=1,
    ablation_pairs=2,
    game_pairs=2,
    game_levels=(0, 50, 100),
    probes=2,
    decoder_epochs=3,
    autoencoder_epochs=2,
    autoencoder_steps=2,
)


def write_faces(folder: Path, people: int = PEOPLE, each: int = EACH) -> Path:
    """Write photographs of people who are each a colourful pattern of their own, on black."""
    for person in range(people):
        home = folder / f"{FOLDER}_{person:02d}"
        home.mkdir(parents=True)
        own = _pattern(np.random.default_rng(person), blobs=4)
        for number in range(each):
            rng = np.random.default_rng((person, number))
            picture = 200 * own + 45 * _pattern(rng, blobs=3) + rng.normal(0, 4, own.shape)
            pixels = np.clip(picture, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(home / f"{NAME}_{number}.png")
    return folder


def embedder(length: float = 1) -> ExportedEmbedder:
    """The tiny network, as if it had just been exported; its embeddings so many times as long."""
    record = EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit")
    parity = Parity(0.0, 1e-5, (1, 2), 2, "made up for the tests")
    return ExportedEmbedder(tiny.embedder_model(length).SerializeToString(), record, parity)


def laboratory(faces: Path, out: Path, cache: Path, **changes: object) -> Laboratory:
    """A laboratory for a folder of faces, whose report goes to `out`."""
    plain = Laboratory(
        embedder=embedder(),
        photographs=list_faces(faces),
        crops=("none",),
        sizes=SIZES,
        threshold=THRESHOLD,
        seed=0,
        work=out / "work",
        cache=cache,
        hide_photographs=False,
        progress=silent,
    )
    return replace(plain, **changes)


def _pattern(rng: np.random.Generator, blobs: int) -> np.ndarray:
    """Coloured blobs on black, float64, shape (SIDE, SIDE, 3), in [0, 1]."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    picture = np.zeros((SIDE, SIDE, 3))
    for _ in range(blobs):
        top, left = rng.uniform(0.1, 0.9, 2)
        blob = np.exp(-((y - top) ** 2 + (x - left) ** 2) / 0.02)
        picture += blob[..., np.newaxis] * rng.uniform(0, 1, 3)
    return np.clip(picture, 0, 1)
