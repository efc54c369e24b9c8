"""Screening by another embedder: what it is asked for, and how far it is from the exact one."""

import numpy as np
import pytest

from lpel_serving.methods.networks import with_embed
from lpel_tf.research.comparison.screening import agreement, confirmed
from support.networks import Linear, face_pair


class Rough(Linear):
    """A little off, as int8 is."""

    def embed(self, crops):
        return super().embed(crops) + np.float32(0.02)


@pytest.fixture
def pairs():
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 16, 16, 3), np.uint8)
    return [face_pair(Linear(), *both, True) for both in images]


def test_images_alone_go_to_the_other_embedder(pairs):
    exact, rough = Linear(), Rough()
    networks = with_embed(exact, rough.embed)
    crops = np.stack([pairs[0].test])
    np.testing.assert_array_equal(networks.embed(crops), rough.embed(crops))
    h = pairs[0].h_t[np.newaxis]
    np.testing.assert_array_equal(networks.decode(h), exact.decode(h))
    np.testing.assert_array_equal(networks.respond(h), exact.respond(h))


def test_local_features_are_the_bundles_own(simulating_explainer, pairs):
    networks = with_embed(simulating_explainer, Rough().embed)
    crops = np.stack([pairs[0].test])
    own = simulating_explainer.features(crops)
    found = networks.features(crops)
    np.testing.assert_array_equal(found.local, own.local)
    masked = networks.simulate(found, "mean")(np.eye(16, dtype=np.bool_))
    expected = simulating_explainer.simulate(own, "mean")(np.eye(16, dtype=np.bool_))
    np.testing.assert_array_equal(masked, expected)


def test_an_embedder_agrees_with_itself_and_a_rough_one_less(pairs):
    itself = agreement(Linear(), Linear(), pairs, 0)
    assert itself["images"] == 2 * 3 * 3
    assert itself["least cosine"] == pytest.approx(1)
    assert itself["largest difference of a similarity"] == 0
    rough = agreement(Linear(), Rough(), pairs, 0)
    assert rough["least cosine"] < rough["mean cosine"] < 1
    assert rough["largest difference of a similarity"] > 0


def test_the_largest_difference_is_of_the_first_pairs_of_the_methods_asked_for():
    screened = {"a": [1.0, 2.0, 9.0], "b": [3.0, 4.0, 9.0]}
    again = {"a": [1.25, 1.75], "b": [0.0, 0.0]}
    found = confirmed(screened, again, ["a", "absent"])
    assert found == {
        "pairs": 2,
        "methods": ["a"],
        "largest difference of a pair": 0.25,
        "largest difference of a mean": 0.0,
    }
