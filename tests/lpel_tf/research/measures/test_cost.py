"""Counting what goes through the networks."""

import copy
import pickle

import numpy as np
import pytest

from lpel_tf.research.measures.cost import CountingNetworks
from support.images import pixels
from support.networks import Linear


def test_images_are_counted_and_answered_for():
    under = Linear()
    networks = CountingNetworks(under)
    crops = np.stack([pixels(seed) for seed in range(5)])
    embeddings = networks.embed(crops)
    np.testing.assert_array_equal(embeddings, under.embed(crops))
    assert (networks.embedded, networks.decoded) == (5, 0)
    networks.embed(crops[:2])
    np.testing.assert_array_equal(networks.decode(embeddings[:3]), under.decode(embeddings[:3]))
    assert (networks.embedded, networks.decoded) == (7, 3)
    networks.embedded = networks.decoded = 0
    networks.decode(embeddings)
    assert (networks.embedded, networks.decoded) == (0, 5)


def test_other_attributes_are_those_of_the_networks(tiny_explainer):
    networks = CountingNetworks(tiny_explainer)
    assert networks.manifest is tiny_explainer.manifest
    with pytest.raises(AttributeError, match="tea"):
        _ = networks.tea
    assert not hasattr(CountingNetworks(Linear()), "manifest")


def test_what_fails_does_not_count():
    class Broken(Linear):
        def embed(self, crops):
            raise ValueError("broken")

    networks = CountingNetworks(Broken())
    with pytest.raises(ValueError, match="broken"):
        networks.embed(pixels(0)[np.newaxis])
    assert networks.embedded == 0


def through_pickle(networks):
    return pickle.loads(pickle.dumps(networks))  # noqa: S301


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, through_pickle])
def test_it_can_be_copied(duplicate):
    networks = CountingNetworks(Linear())
    networks.embed(pixels(0)[np.newaxis])
    other = duplicate(networks)
    other.embed(pixels(1)[np.newaxis])
    assert (networks.embedded, other.embedded) == (1, 2)
    assert other.dimension == 6


def test_responses_are_asked_for_and_cost_no_image():
    under = Linear()
    networks = CountingNetworks(under)
    embeddings = under.embed(np.stack([pixels(0), pixels(1)]))
    np.testing.assert_array_equal(networks.respond(embeddings), under.respond(embeddings))
    assert (networks.embedded, networks.decoded) == (0, 0)
