"""A tiny bundle of digits that has everything, and the words that nothing may say of it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from lpel_export.bundle.retelling import retold
from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving.bundle.folder import put_copy
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.methods.catalogue.registry import describe_methods
from support import tiny
from support.confidence import confidence
from support.images import pixels
from support.plausibility import plausibility

DIGITS = SUBJECTS["digits"]
OF_FACES = re.compile(
    r"\b(faces?|persons?|people|(any|some)body|nose|eyes?|cheeks?|mouth|chin|forehead)\b",
    re.IGNORECASE,
)
TRAINING = {
    "method": "Adamax",
    "photographs": {"train": 80, "test": 10},
    "people": {"train": 8, "test": 1},
    "test_loss": {"decoder": 0.03, "mean_face": 0.04},
    "photographs_without_face": 0,
    "photographs_with_several_faces": None,
}
"""As `lpel train` records it."""
PARITY = {"decoder": {"max_difference": 0.0, "inputs": "embeddings of 9 faces"}}


def write_digits(folder: Path) -> Path:
    """Write a bundle of digits, its records put into its words, with its one-file explainer."""
    made = tiny.write_bundle(
        folder / "made",
        responds=True,
        plausibility=plausibility(),
        confidence=confidence("pairs of the people held out of training"),
        parity=PARITY,
        threshold=tiny.ThresholdRecord(0.8, {"how": "most accurate on pairs of people"}),
        subject=DIGITS,
    )
    manifest = load_bundle(made).manifest
    trained = replace(manifest, decoder=replace(manifest.decoder, training=TRAINING))
    put_copy(made, made, retold(trained))
    loaded = load_bundle(made)
    write_with_explainer(folder / "bundle", loaded, build_explainer(loaded, "responses"))
    return folder / "bundle"


def write_classes(folder: Path, classes: int, each: int) -> Path:
    """Write a folder of classes with a few pictures each."""
    for kind in range(classes):
        base, home = pixels(kind).astype(np.int16), folder / f"{kind}"
        home.mkdir(parents=True)
        for number in range(each):
            noise = np.random.default_rng((kind, number)).integers(-20, 21, base.shape)
            picture = np.clip(base + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(home / f"{number}.png")
    return folder


def of_faces(text: str) -> list[str]:
    """Find what only a bundle of faces may say, with what stands around it.

    Titles of papers are no words of ours.
    """
    for paper in {one.paper for one in describe_methods() if one.paper}:
        text = text.replace(paper, "")
    return [text[max(0, one.start() - 60) : one.end() + 40] for one in OF_FACES.finditer(text)]
