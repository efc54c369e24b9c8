"""Exports a trained surrogate, and its embedder with local features; checks both on real crops."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_export.bundle.writer import SurrogateModel
from lpel_export.conversion.parity import TOLERANCE, Parity
from lpel_export.conversion.surrogate_to_onnx import check_surrogate_parity, export_surrogate
from lpel_export.support.errors import ParityError
from lpel_serving.bundle.manifest import SurrogateRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.similarity import typical_length, unit
from lpel_serving.images.crops import CentreCrop
from lpel_serving.methods.method import ImageFeatures
from lpel_serving.support.arrays import Floats
from lpel_tf.bundles.surrogate_bundling import FinishedSurrogate
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.surrogates.drawing import draw_complements
from lpel_tf.surrogates.graph import constants, masked_embeddings
from lpel_tf.surrogates.local_features import with_reduced_features
from lpel_tf.surrogates.network import to_keras

_PARITY_PAIRS = 3


@dataclass(frozen=True, eq=False)
class ExportedSurrogate:
    """What a surrogate adds to a bundle.

    Attributes
    ----------
    embedder
        The embedder with local features as its second output, a serialised ONNX model.
    surrogate
        The surrogate, and what the manifest says of it.
    parity
        How far it is from Keras.
    """

    embedder: bytes
    surrogate: SurrogateModel
    parity: Parity


def export_finished_surrogate(
    finished: FinishedSurrogate, embedder: ExportedEmbedder, crops: NDArray[np.uint8]
) -> ExportedSurrogate:
    """Export a surrogate and the embedder's second output, and check both on real crops.

    Parameters
    ----------
    finished
        The surrogate.
    embedder
        The embedder that it was trained for.
    crops
        Real crops, uint8, shape (N, S, S, 3).

    Raises
    ------
    ParityError
        If the ONNX surrogate differs from the Keras one, or the embedder's embeddings change.
    """
    sizes = finished.network.sizes
    model = with_reduced_features(embedder.model, finished.layers, sizes.side, finished.reduction)
    features = _checked_features(embedder, model, crops)
    network = to_keras(finished.network)
    exported = export_surrogate(
        masked_embeddings(network, sizes),
        sizes.dimension,
        (sizes.superpixels, sizes.channels),
        constants(finished.network),
        {"lpel": "surrogate", "embedder": embedder.record.name},
    )

    def original(images: ImageFeatures, donors: ImageFeatures, replaced: Floats) -> Floats:
        given = [images.embeddings, images.local, donors.embeddings, donors.local, replaced]
        return images.embeddings[:, np.newaxis, np.newaxis] - network.predict_on_batch(given)

    rng = np.random.default_rng(0)
    drawn = [draw_complements(rng, _PARITY_PAIRS, sizes.side) for _ in finished.fills]
    n = len(features.embeddings)
    parity = check_surrogate_parity(
        exported,
        original,
        features,
        features[[(i + 1) % n for i in range(n)]],
        np.stack(drawn),
        inputs=f"{len(drawn[0])} coalitions by each of {len(drawn)} fills in {n} faces",
    )
    record = SurrogateRecord(
        sizes.side, sizes.channels, finished.fills, finished.layers, finished.training
    )
    return ExportedSurrogate(model, SurrogateModel(exported, record), parity)


def _checked_features(
    embedder: ExportedEmbedder, model: bytes, crops: NDArray[np.uint8]
) -> ImageFeatures:
    """Features of crops, embeddings of unit length; their embeddings must not have changed."""
    crops = crops[np.arange(max(2, len(crops))) % len(crops)]
    before = Embedder(embedder.model, embedder.record, CentreCrop()).embed(crops)
    found = Embedder(model, embedder.record, CentreCrop()).features(crops)
    apart = float(np.abs(found.embeddings - before).max()) / typical_length(before)
    if not apart <= TOLERANCE:
        raise ParityError(
            f"with local features as a second output the embedder's embeddings differ by "
            f"{apart:.2e} of their length; allowed are {TOLERANCE:.0e}. Choose other layers."
        )
    return ImageFeatures(unit(found.embeddings), found.local)
