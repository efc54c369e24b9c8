"""Explanations from features that are known, without the images."""

import numpy as np
import pytest

from lpel_serving.methods import find_method
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.from_features import (
    explain_features,
    explains_features,
    template_features,
)
from lpel_serving.methods.simulated.game import features_of
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny
from support.simulated import TinyNetworks, tiny_pair


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("name", ["surrogate", "surrogate-order"])
def test_maps_from_features_are_those_of_the_pair(name, similar):
    method, pair, networks = find_method(name), tiny_pair(similar), TinyNetworks()
    images = features_of(pair, networks)
    passes = networks.passes
    found = explain_features(method, images, networks, similar=similar)
    assert networks.passes == passes
    alone = explain_both_ways(method, pair, networks, np.random.default_rng(0))
    np.testing.assert_array_equal(found.forward, alone.forward)
    np.testing.assert_array_equal(found.swapped, alone.swapped)


def test_methods_that_look_at_images_are_refused():
    method, networks = find_method("hybrid"), TinyNetworks()
    images = features_of(tiny_pair(similar=True), networks)
    assert not explains_features(method)
    with pytest.raises(ParameterError, match="Hybrid looks at the images themselves"):
        explain_features(method, images, networks, similar=True)


def test_a_map_that_is_not_finite_is_refused():
    class Broken(SurrogateOrder):
        def from_features(self, images, networks, *, similar):
            found = super().from_features(images, networks, similar=similar)
            found.forward[0] = np.nan
            return found

    networks = TinyNetworks()
    images = features_of(tiny_pair(similar=True), networks)
    with pytest.raises(EmbeddingError, match="Broken"):
        explain_features(Broken(), images, networks, similar=True)


def test_a_method_with_maps_of_its_own_does_not_inherit_it():
    class Mine(SurrogateOrder):
        def __call__(self, pair, networks, rng):
            return np.zeros((2, 2), np.float32)

    assert explains_features(SurrogateOrder())
    assert not explains_features(Mine())


def test_templates_have_local_features_of_zero():
    embeddings = np.ones((2, tiny.DIMENSION), np.float32)
    found = template_features(embeddings, 16, 3)
    assert found.local.shape == (2, 16, 3)
    assert not found.local.any()
    assert found.embeddings is embeddings
