"""An experiment's decoders: trained as in the thesis, in closed form, or as `lpel train` does."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import export_decoder
from lpel_export.conversion.parity import Parity, check_parity
from lpel_serving.bundle.manifest import EMBEDDING, RECONSTRUCTION, DecoderRecord
from lpel_serving.engine.decoder import Decoder
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.progress import Progress
from lpel_tf.decoders.decoder import to_keras
from lpel_tf.decoders.least_squares import LinearDecoder, solve
from lpel_tf.decoders.training import Recipe, check_faces, train_decoder
from lpel_tf.research.harness.people import People

ADAMAX, LEAST_SQUARES, OURS = "Adamax", "least squares", "Adamax, whitened"
"""The decoders: as the thesis trains it, in closed form, and as `lpel train` does."""

Decode = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class TrainedDecoder:
    """A decoder ready to run.

    Attributes
    ----------
    weights
        Kernel and bias.
    decode
        Embeddings to images.
    parity
        How far ONNX is from Keras; None for the closed form, which runs in numpy, since its large
        weights do not meet the tolerance of an export.
    """

    weights: LinearDecoder
    decode: Decode
    parity: Parity | None

    @property
    def sha256(self) -> str:
        """Hash of the weights, in hexadecimal."""
        return hashlib.sha256(
            self.weights.kernel.tobytes() + self.weights.bias.tobytes()
        ).hexdigest()


@dataclass(frozen=True, eq=False)
class Setting(People):
    """People, and the decoders trained on those who are not held out.

    Attributes
    ----------
    decoders
        By name: `ADAMAX`, `LEAST_SQUARES`, `OURS`.
    """

    decoders: Mapping[str, TrainedDecoder] = field(kw_only=True)

    @property
    def sha256s(self) -> list[str]:
        """Hashes of the decoders, and of the comparison if it is no cosine."""
        hashes = [decoder.sha256 for decoder in self.decoders.values()]
        return [*hashes, *filter(None, [self.compared.sha256])]

    def engine(self, decoder: str = ADAMAX) -> AssembledNetworks:
        """The embedder with one of the decoders."""
        return self.networks(self.embedder.embed, self.decoders[decoder].decode)

    def networks(
        self, embed: Callable[[NDArray[np.uint8]], Floats], decode: Decode
    ) -> AssembledNetworks:
        """Put another embedder, or another decoder, together with how the network compares."""
        return AssembledNetworks(embed, decode, comparison=self.compared.comparison)


def with_decoders(
    people: People, *, epochs: int, batch_size: int, seed: int, work: Path, progress: Progress
) -> Setting:
    """Train the decoders, resuming an earlier run.

    Parameters
    ----------
    people
        Whom they are trained and tested on.
    epochs, batch_size
        Of Adamax as the thesis uses it.
    seed
        Of the trainings.
    work
        Folder for the state of trainings.
    progress
        Reports how far it is.
    """
    split = people.split
    as_thesis = Recipe(
        epochs=epochs,
        batch_size=batch_size,
        whiten=False,
        noise=0,
        decay=False,
        patience=epochs,
        seed=seed,
    )
    check_faces(split.train, split.validation)
    recipes = {ADAMAX: as_thesis, OURS: replace(Recipe(), seed=seed)}
    decoders: dict[str, TrainedDecoder] = {}
    for place, (name, recipe) in enumerate(recipes.items()):
        state = work / f"decoder-{people.crop}-{place}.npz"
        trained = train_decoder(
            split.train, split.validation, recipe, checkpoint=state, progress=progress
        )
        decoders[name] = through_onnx(trained.decoder, split.test.embeddings[:100])
    closed = solve(split.train, 0.0)
    decoders[LEAST_SQUARES] = TrainedDecoder(closed, closed, None)
    return Setting(**vars(people), decoders=decoders)


def through_onnx(weights: LinearDecoder, examples: Floats) -> TrainedDecoder:
    """Export a decoder, check its parity with Keras, and run it with the engine."""
    examples = np.resize(examples, (max(2, len(examples)), examples.shape[1]))
    exported = export_decoder(to_keras(weights), {"lpel": "decoder"})
    parity = check_parity(
        exported,
        examples,
        input_name=EMBEDDING,
        output_name=RECONSTRUCTION,
        inputs=f"embeddings of {len(examples)} faces",
    )
    decoder = Decoder(exported.model, DecoderRecord(weights.shape, {}), examples.shape[1])
    return TrainedDecoder(weights, decoder.decode, parity)
