"""What `lpel emsnn` writes: a picture, the maps, and a summary in JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving import Explainer
from lpel_serving.report.array_file import npz
from lpel_serving.report.figures import png
from lpel_serving.report.verdict import in_short
from lpel_serving.support.files import write_atomically
from lpel_tf.research.emsnn.prototypes import MIN_OTHERS
from lpel_tf.research.prototypes.classes import Classes
from lpel_tf.research.prototypes.nearest import Nearest, nearest_figure

_NEXT = "_by_next_class"
_FAR = 1.5
"""Times the decoder's error, from which on the autoencoder's features are not the network's."""


def write_nearest(
    explainer: Explainer,
    classes: Classes,
    found: Sequence[Nearest],
    summary: Mapping[str, Any],
    out: Path,
) -> dict[str, str]:
    """Write ``emsnn.png``, ``emsnn.npz`` and ``emsnn.json``; return their paths, by what they are.

    The arrays are the maps, float32, shape (tests, H, W), of each method, by the prototype of the
    nearest class and, called so, by that of the next one.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    files = {
        "figure": out / "emsnn.png",
        "arrays": out / "emsnn.npz",
        "summary": out / "emsnn.json",
    }
    maps = {name.lower(): [one.maps.own[name] for one in found] for name in found[0].maps.own}
    maps |= {
        f"{name.lower()}{_NEXT}": [one.maps.another[name] for one in found]
        for name in found[0].maps.another
    }
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_atomically(files["figure"], png(nearest_figure(explainer, classes, found)))
    write_atomically(files["arrays"], npz({name: np.stack(of) for name, of in maps.items()}))
    write_atomically(files["summary"], text.encode())
    return {what: str(path) for what, path in files.items()}


def reconstruction_in_json(classes: Classes) -> dict[str, float]:
    """Mean squared errors on images that the autoencoder was not trained on."""
    return {
        "mu": classes.autoencoder.recipe.mu,
        "error": classes.loss.reconstruction,
        "error_from_embedding": classes.loss.reconstruction_from_embedding,
        "decoder_error": classes.decoder_loss,
    }


def reconstruction_in_words(classes: Classes) -> str:
    """The same as a sentence or two."""
    loss, decoder = classes.loss, classes.decoder_loss
    said = (
        "Of images that EMSNN's autoencoder was not trained on it reconstructs with a mean squared "
        f"error of {loss.reconstruction:.4f} from its own features, and of "
        f"{loss.reconstruction_from_embedding:.4f} from the network's, which explanations give it; "
        f"the bundle's decoder of {decoder:.4f}."
    )
    if loss.reconstruction_from_embedding < _FAR * decoder:
        return said
    return f"{said} It has not learnt the network's features: do not trust EMSNN's maps here."


def compared_in_words(classes: Classes) -> str:
    """What the images were compared with, and what was left out."""
    said = f"Each was compared with {len(classes.names)} classes of {classes.images:,} images."
    if classes.small:
        said += f" {classes.small} classes of fewer than {MIN_OTHERS + 1} images were left out."
    if classes.without_face:
        said += f" In {classes.without_face} images no face was found."
    return said


def in_numbers(
    explainer: Explainer, classes: Classes, tests: Sequence[Path], found: Sequence[Nearest]
) -> dict[str, Any]:
    """All that was found, as JSON-serialisable values."""
    return {
        "classes": len(classes.names),
        "images": classes.images,
        "without_face": classes.without_face,
        "small_classes": classes.small,
        "autoencoder": reconstruction_in_json(classes),
        "bundle": {name: file.sha256 for name, file in explainer.manifest.files.items()},
        "tests": [_of_one(test, one, explainer) for test, one in zip(tests, found, strict=True)],
    }


def _of_one(test: Path, one: Nearest, explainer: Explainer) -> dict[str, Any]:
    """What was found of a test image, as JSON-serialisable values."""
    comparison, decision = explainer.manifest.comparison, one.decision
    return {
        "test": str(test),
        "class": one.name,
        "next_class": one.next_name,
        "similar": decision.similar,
        comparison.measure: comparison.own_of(decision.similarity),
        "threshold": comparison.own_of(decision.threshold),
    }


def in_words(test: Path, one: Nearest, explainer: Explainer) -> str:
    """The same as a sentence or two."""
    said = (
        f"{test}: nearest to {one.name} of all prototypes, then to {one.next_name} "
        f"({in_short(one.decision, explainer.manifest.comparison)})."
    )
    if one.decision.similar:
        return said
    return (
        f"{said} The network does not call them similar: the maps say what would speak for it, "
        "not that it is so."
    )
