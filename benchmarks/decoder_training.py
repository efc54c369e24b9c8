"""How to reach the optimum with Adamax: each way of training the decoder, measured.

    .venv/bin/python benchmarks/decoder_training.py --faces lfw [--out FILE.md]

Embeds the folder once (as `lpel train --crop 0.48` does, and with its cache), splits it by
identity as it does, and trains with each recipe. Losses are mean squared errors on people that no
recipe has seen, pixels in [0, 1]; epochs are those until the best validation loss.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import parse_crop
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split
from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.decoders.least_squares import LinearDecoder, mean_face, solve
from lpel_tf.decoders.training import Recipe, train_decoder
from lpel_tf.research.harness.people import embed_people
from lpel_tf.research.harness.shipped import SEED, shipped_network, shipped_photographs
from lpel_tf.support.quiet import load_tensorflow

CROP = "0.48"


@dataclass(frozen=True)
class Row:
    """One way of getting a decoder, and what came of it."""

    name: str
    test: float
    validation: float
    epochs: str
    seconds: float
    largest_weight: float


THESIS = Recipe(epochs=60, batch_size=32, decay=False, whiten=False, noise=0.0, patience=60)
WHITE = Recipe()
RECIPES = {
    "as the thesis: raw embeddings, batch 32, constant rate, 60 epochs": THESIS,
    "raw, batch 128, 60 epochs": replace(THESIS, batch_size=128),
    "raw, batch 32, rate falling to 0, 60 epochs": replace(THESIS, decay=True),
    "whitened, no noise, batch 32, constant rate": replace(
        WHITE, noise=0.0, batch_size=32, decay=False
    ),
    "whitened, no noise, batch 128, constant rate": replace(WHITE, noise=0.0, decay=False),
    "whitened, no noise, batch 128, rate falling to 0": replace(WHITE, noise=0.0),
    "whitened, noise 0.0001": replace(WHITE, noise=0.0001),
    "whitened, noise 0.0002": replace(WHITE, noise=0.0002),
    "**whitened, noise 0.0005 (chosen)**": WHITE,
    "whitened, noise 0.001": replace(WHITE, noise=0.001),
}
CLOSED_FORMS = {"least squares": 0.0, "least squares with noise 0.0005": 0.0005}


def main() -> None:
    """Measure and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--faces", type=Path, required=True)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    load_tensorflow()
    split = split_of(chosen.faces)
    scaled = scale(split, np.sqrt(split.train.embeddings.shape[1]))
    rows = [baseline(split)]
    rows += [measure(name, recipe, split) for name, recipe in RECIPES.items()]
    rows.insert(3, measure("raw times the root of 128, batch 32, 60 epochs", THESIS, scaled))
    solved = solve(split.train, 0.0)
    rows.append(measure("closed-form start, then raw, batch 32, 60 epochs", THESIS, split, solved))
    rows += [closed_form(name, noise, split) for name, noise in CLOSED_FORMS.items()]
    text = table(rows, split)
    print(text)
    if chosen.out:
        chosen.out.write_text(text + "\n", encoding="utf-8")


def split_of(folder: Path) -> Split:
    """Embed a folder and divide it by identity, as `lpel train` does with seed 0."""
    faces = shipped_photographs(folder)
    exported = shipped_network(faces, CROP, progress_bar)
    embedder = Embedder(exported.model, exported.record, parse_crop(CROP))
    return embed_people(embedder, exported, faces, CROP, seed=SEED, progress=progress_bar).split


def measure(name: str, recipe: Recipe, split: Split, start: LinearDecoder | None = None) -> Row:
    """Train with one recipe."""
    began = time.perf_counter()
    trained = train_decoder(split.train, split.validation, recipe, start=start)
    epochs = f"{trained.best_epoch} of {len(trained.history)}"
    return row(name, trained.decoder, split, epochs, time.perf_counter() - began)


def closed_form(name: str, noise: float, split: Split) -> Row:
    """Solve the normal equations."""
    start = time.perf_counter()
    decoder = solve(split.train, Recipe(noise=noise).noise_on(split.train.embeddings))
    return row(name, decoder, split, "-", time.perf_counter() - start)


def row(name: str, decoder: LinearDecoder, split: Split, epochs: str, seconds: float) -> Row:
    """Measure a decoder."""

    def loss(faces: FaceSet) -> float:
        return mean_squared_error(decoder(faces.embeddings), faces.targets)

    largest = float(np.abs(decoder.kernel).max())
    return Row(name, loss(split.test), loss(split.validation), epochs, seconds, largest)


def baseline(split: Split) -> Row:
    """The mean face."""
    mean = mean_face(split.train).astype(np.float32)
    losses = [mean_squared_error(mean, faces.targets) for faces in (split.test, split.validation)]
    return Row("mean face", *losses, "-", 0.0, 0.0)


def scale(split: Split, factor: float) -> Split:
    """Multiply all embeddings."""
    sides = (split.train, split.validation, split.test)
    return Split(
        *(replace(side, embeddings=(side.embeddings * factor).astype(np.float32)) for side in sides)
    )


def table(rows: list[Row], split: Split) -> str:
    """The rows as a Markdown table."""
    sizes = ", ".join(
        f"{len(side)} photographs of {len(set(side.identities))} people for {name}"
        for name, side in (
            ("training", split.train),
            ("validation", split.validation),
            ("test", split.test),
        )
    )
    lines = [
        f"{sizes}.",
        "",
        "| way | test loss | validation loss | best epoch | seconds | largest weight |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.name} | {r.test:.5f} | {r.validation:.5f} | {r.epochs} | {r.seconds:.0f} | "
        f"{r.largest_weight:.1f} |"
        for r in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
