"""A surrogate of FaceNet's sizes on the shipped FaceNet's local features of real faces."""

import numpy as np
import pytest

from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.second_output import with_averages
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_tf.bundles.surrogate_bundling import FinishedSurrogate
from lpel_tf.bundles.surrogate_export import export_finished_surrogate
from lpel_tf.networks.embedders import from_facenet
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.facenet import DEFAULT_KEY, facenet
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork, build_network, to_numpy
from lpel_tf.surrogates.reduction import fit_reduction

FILLS = ("normal", "mean", "blur", "transplant")


def trained_by_chance(sizes):
    """A network at its start, but that it predicts some loss."""
    network = to_numpy(build_network(sizes), sizes)
    rng = np.random.default_rng(0)
    for name in ("deep/kernel", "shallow/kernel"):
        shape = network.weights[name].shape
        chance = {name: rng.normal(0, 0.02, shape).astype(np.float32)}
        network = SurrogateNetwork(sizes, {**network.weights, **chance})
    return network


@pytest.mark.parity
@pytest.mark.weights
@pytest.mark.realdata
def test_a_surrogate_of_facenet_agrees_with_keras_on_real_faces(realdata):
    faces = list_faces(realdata / "lfw")[:8]
    crops = example_crops(faces, "0.48", 160)[:8]
    embedder = from_facenet(facenet(DEFAULT_KEY), lambda _: crops)
    layers = choose_layers(embedder.model, 8)
    raw = Embedder(with_averages(embedder.model, layers, 8), embedder.record, CentreCrop())
    reduction = fit_reduction([raw.features(crops).local], 64)
    sizes = Sizes(embedder.record.dimension, 8, reduction.matrix.shape[1])
    network = trained_by_chance(sizes)
    finished = FinishedSurrogate(network, reduction, layers, FILLS, {"method": "none"})
    exported = export_finished_surrogate(finished, embedder, crops)
    assert exported.parity.max_difference <= 1e-5
    assert exported.parity.batch_sizes == (1, len(crops))
    assert np.isfinite(exported.local_parity.max_difference)
