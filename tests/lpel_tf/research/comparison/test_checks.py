"""What the sanity check randomises: the network in question, and nothing else."""

import numpy as np
import onnx

from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.second_output import Reduction, with_local_features
from lpel_serving.methods import find_method
from lpel_tf.research.comparison.checks import SHARES, Broken, random_embedder
from lpel_tf.research.measures.randomisation.random_weights import randomise_weights
from support import tiny_layers, tiny_surrogate

EMBEDDERS = [f"embedder, top {share:.0%}" for share in SHARES]


def with_features() -> bytes:
    model = tiny_layers.embedder_model().SerializeToString()
    rng, channels = np.random.default_rng(1), sum(tiny_layers.CHANNELS)
    reduced = Reduction(rng.normal(size=(channels, 3)).astype(np.float32), np.ones(3, np.float32))
    return with_local_features(model, choose_layers(model, 4), 4, reduced)


def changed(before: bytes, after: bytes) -> set[str]:
    """The constants that differ."""
    old, new = (
        {
            one.name: one.SerializeToString()
            for one in onnx.load_from_string(model).graph.initializer
        }
        for model in (before, after)
    )
    assert set(old) == set(new)
    return {name for name in old if old[name] != new[name]}


def test_the_top_of_an_embedder_is_next_to_its_embedding():
    model = with_features()
    few = random_embedder(model, 0.25, np.random.default_rng(0))
    assert changed(model, few) == {"kernel"}
    everything = random_embedder(model, 1.0, np.random.default_rng(0))
    assert changed(model, everything) == {"kernel", "k1", "k2"}


def test_an_embedder_without_local_features_is_randomised_as_it_is():
    model = tiny_layers.embedder_model().SerializeToString()
    received = random_embedder(model, 0.5, np.random.default_rng(0))
    assert received == randomise_weights(model, 0.5, np.random.default_rng(0))


def test_each_method_is_checked_by_what_it_runs(setting):
    broken = Broken(setting, 0)
    assert list(broken.of(find_method("responses"))) == ["response decoder", *EMBEDDERS]
    assert list(broken.of(find_method("surrogate"))) == ["surrogate", *EMBEDDERS]
    assert list(broken.of(find_method("surrogate-order"))) == ["surrogate", *EMBEDDERS]
    assert list(broken.of(find_method("lpel"))) == EMBEDDERS


def test_a_random_surrogate_predicts_something_else_by_the_same_embedder(setting):
    networks = Broken(setting, 0).of(find_method("surrogate"))["surrogate"]
    crops = tiny_surrogate.noise(2)
    images = setting.explainer.features(crops)
    np.testing.assert_array_equal(networks.features(crops).local, images.local)
    everything = np.ones((1, 64), np.bool_)
    known, other = (
        one.simulate(images, "mean")(everything) for one in (setting.explainer, networks)
    )
    assert np.abs(known - other).max() > 0.01
