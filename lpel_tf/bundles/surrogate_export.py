"""Exports a trained surrogate, and its embedder with local features; checks both on real crops."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_export.bundle.writer import SurrogateModel
from lpel_export.conversion.parity import Parity
from lpel_export.conversion.surrogate_to_onnx import check_surrogate_parity
from lpel_export.local_features.parity import check_local_features
from lpel_export.local_features.second_output import with_local_features
from lpel_serving.bundle.manifest import EmbedderRecord, SurrogateRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.images.crops import Crop, WholeImage
from lpel_serving.methods.networks import AssembledNetworks, ImageFeatures
from lpel_serving.support.arrays import Floats
from lpel_tf.bundles.surrogate_bundling import FinishedSurrogate
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.surrogates.drawing import draw_complements
from lpel_tf.surrogates.graph import to_graphs
from lpel_tf.surrogates.network import to_keras

_PARITY_PAIRS = 3
_IN_PART = 2


@dataclass(frozen=True, eq=False)
class ExportedSurrogate:
    """What a surrogate adds to a bundle.

    Attributes
    ----------
    embedder
        The embedder with local features as its second output, a serialised ONNX model.
    surrogate
        The surrogate's two graphs, and what the manifest says of them.
    parity
        How far they are from Keras, the second asked about what the first gives.
    local_parity
        How far the embedder's local features are from numpy's.
    """

    embedder: bytes
    surrogate: SurrogateModel
    parity: Parity
    local_parity: Parity


def with_surrogate(
    networks: AssembledNetworks, exported: ExportedSurrogate, record: EmbedderRecord, crop: Crop
) -> AssembledNetworks:
    """Complete networks by an exported surrogate and the local features that it takes.

    Parameters
    ----------
    networks
        Embedder and decoders.
    exported
        The surrogate.
    record, crop
        Of the embedder.
    """
    model = exported.surrogate
    surrogate = Surrogate(model.graphs, model.record, record.dimension, networks.comparison)
    seeing = Embedder(exported.embedder, record, crop)
    return replace(
        networks,
        features=seeing.features,
        simulate=surrogate.simulate,
        simulated_fills=model.record.fills,
    )


def export_finished_surrogate(
    finished: FinishedSurrogate,
    embedder: ExportedEmbedder,
    crops: NDArray[np.uint8],
    comparison: Comparison = COSINE,
) -> ExportedSurrogate:
    """Export a surrogate and the embedder's second output, and check both on real crops.

    Parameters
    ----------
    finished
        The surrogate.
    embedder
        The embedder that it was trained for.
    crops
        Real crops, uint8, shape (N, H, W, C).
    comparison
        How the network compares.

    Raises
    ------
    ParityError
        If the ONNX surrogate differs from the Keras one, or local features from numpy's, or the
        embedder's embeddings change.
    """
    sizes = finished.network.sizes
    of = (finished.layers, sizes.side, finished.reduction)
    model = with_local_features(embedder.model, *of)
    crops = crops[np.arange(max(2, len(crops))) % len(crops)]
    report = check_local_features(model, *of, crops)
    local = Parity(
        report["max_difference"],
        report["tolerance"],
        (1, len(crops)),
        len(crops),
        f"local features of {len(crops)} face crops, by numpy",
        report["largest"],
    )
    seen = Embedder(model, embedder.record, WholeImage()).features(crops)
    features = ImageFeatures(comparison.scale(seen.embeddings), seen.local)
    network = to_keras(finished.network)
    graphs = to_graphs(finished.network, network, embedder.record.name)

    def original(images: ImageFeatures, donors: ImageFeatures, replaced: Floats) -> Floats:
        given = [images.embeddings, images.local, donors.embeddings, donors.local, replaced]
        return images.embeddings[:, np.newaxis, np.newaxis] - network.predict_on_batch(given)

    rng = np.random.default_rng(0)
    drawn = [draw_complements(rng, _PARITY_PAIRS, sizes.side) for _ in finished.fills]
    in_part = rng.random((len(drawn), _IN_PART, sizes.superpixels), np.float32)
    n = len(features.embeddings)
    parity = check_surrogate_parity(
        graphs,
        original,
        features,
        features[[(i + 1) % n for i in range(n)]],
        np.concatenate([np.stack(drawn).astype(np.float32), in_part], axis=1),
        inputs=f"{len(drawn[0])} coalitions, and {_IN_PART} of superpixels in part, by each of "
        f"{len(drawn)} fills in {n} faces",
    )
    names = tuple(layer.name for layer in finished.layers)
    record = SurrogateRecord(sizes.side, sizes.channels, finished.fills, names, finished.training)
    return ExportedSurrogate(model, SurrogateModel(graphs, record), parity, local)
