"""What a bundle's manifest says of the decoder's training, and of the photographs left out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split
from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.decoders.least_squares import LinearDecoder, mean_face, solve
from lpel_tf.decoders.training import Trained


@dataclass(frozen=True)
class Losses:
    """Mean squared errors on the test faces, pixels in [0, 1], smaller is better.

    Attributes
    ----------
    decoder
        Of the trained decoder.
    mean_face
        Of a decoder that always gives the mean training face.
    least_squares
        Of the closed-form optimum on the training faces.
    least_squares_with_noise
        Of the optimum when the embeddings carry the recipe's noise: what training aims at.
    """

    decoder: float
    mean_face: float
    least_squares: float
    least_squares_with_noise: float


def losses(decoder: LinearDecoder, split: Split, noise: float) -> Losses:
    """Measure a decoder on people that it was not trained on, beside its natural bounds."""
    test = split.test

    def loss(other: LinearDecoder) -> float:
        return mean_squared_error(other(test.embeddings), test.targets)

    return Losses(
        decoder=loss(decoder),
        mean_face=mean_squared_error(mean_face(split.train).astype(np.float32), test.targets),
        least_squares=loss(solve(split.train, 0.0)),
        least_squares_with_noise=loss(solve(split.train, noise)),
    )


def describe(trained: Trained, split: Split) -> dict[str, Any]:
    """Say how a decoder was trained, for the manifest."""
    sides, noise = split.sides, trained.recipe.noise_on(split.train.embeddings)
    return {
        # What is solved for has no history: it passes no epochs.
        "method": "Adamax" if trained.history else "closed-form least squares",
        "recipe": asdict(trained.recipe),
        **split.record,
        "photographs": {name: len(side) for name, side in sides.items()},
        "people": {name: len(set(side.identities)) for name, side in sides.items()},
        "loss": "mean squared error over images, pixels and channels; pixels in [0, 1]",
        "test_loss": asdict(losses(trained.decoder, split, noise)),
        "best_epoch": trained.best_epoch,
        "history": [asdict(epoch) for epoch in trained.history],
    }


@dataclass(frozen=True, eq=False)
class FinishedDecoder:
    """A decoder, and how it was trained, for the manifest."""

    decoder: LinearDecoder
    training: Mapping[str, Any]


def finish_decoder(trained: Trained, split: Split, everyone: FaceSet) -> FinishedDecoder:
    """Measure a trained decoder on the test, and describe its training and what was left out."""
    return FinishedDecoder(trained.decoder, describe(trained, split) | left_out(everyone))


def left_out(everyone: FaceSet) -> dict[str, int | None]:
    """How many photographs could not be used, or show several faces, for the manifest."""
    crowded = everyone.several_faces
    return {
        "photographs_without_face": len(everyone.without_face),
        "photographs_unusable": len(everyone.unusable),
        "photographs_with_several_faces": None if crowded is None else len(crowded),
    }
