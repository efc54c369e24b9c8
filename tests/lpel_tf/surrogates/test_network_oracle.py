"""The surrogate in Keras, and the same as a bundle's graph, against its definition."""

import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.graph import constants, from_constants, hiding, masked_embeddings
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork, build_network, to_keras, to_numpy
from oracles.oracle_surrogate import masked_embedding
from support.surrogate_networks import SIZES, random_coalitions, random_images, random_network

pytestmark = pytest.mark.oracle

N, M = 3, 4


@pytest.fixture(scope="module")
def network():
    return random_network()


@pytest.fixture(scope="module")
def given():
    return random_images(N), random_images(N, seed=1), random_coalitions(M)


@pytest.fixture(scope="module")
def expected(network, given):
    images, donors, coalitions = given
    return np.array(
        [
            [
                [
                    masked_embedding(
                        network.weights,
                        SIZES.fills,
                        images.embeddings[i],
                        images.local[i],
                        donors.embeddings[i],
                        donors.local[i],
                        np.flatnonzero(coalition),
                        fill,
                    )
                    for coalition in coalitions[fill]
                ]
                for fill in range(SIZES.fills)
            ]
            for i in range(N)
        ]
    )


def test_keras_agrees_with_the_definition(network, given, expected):
    images, donors, coalitions = given
    every = np.broadcast_to(coalitions.astype(np.float32), (N, *coalitions.shape))
    loss = to_keras(network).predict_on_batch(
        [images.embeddings, images.local, donors.embeddings, donors.local, every]
    )
    whole = images.embeddings[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(whole - loss, expected, atol=2e-5)
    assert np.ptp(expected, axis=1).max() > 0.1, "the fills must differ"


@pytest.mark.parametrize("fill", range(SIZES.fills))
@pytest.mark.parametrize("shared", [True, False])
def test_the_graphs_agree_with_the_definition(network, given, expected, fill, shared):
    import tensorflow as tf

    images, donors, coalitions = given
    model = to_keras(network)
    members = coalitions[fill][np.newaxis].astype(np.float32)
    members = members if shared else np.repeat(members, N, axis=0)
    of = (images.embeddings, images.local, donors.embeddings, donors.local)
    hidden = hiding(model, SIZES)(*map(tf.constant, of), tf.constant(fill, tf.int64))
    given = donors.embeddings if fill == SIZES.fills - 1 else np.zeros_like(donors.embeddings)
    whole = (tf.constant(images.embeddings), tf.constant(given), tf.constant(members))
    found = masked_embeddings(model, SIZES)(*hidden, *whole).numpy()
    np.testing.assert_allclose(found, expected[:, fill], atol=2e-5)


def test_nothing_is_lost_where_nothing_is_replaced(network, given):
    images, donors, _ = given
    none = np.zeros((N, SIZES.fills, 1, SIZES.superpixels), np.float32)
    loss = to_keras(network).predict_on_batch(
        [images.embeddings, images.local, donors.embeddings, donors.local, none]
    )
    assert not loss.any()


def test_at_first_it_predicts_that_nothing_is_lost_and_weights_follow_the_seed(given):
    images, donors, coalitions = given
    every = np.broadcast_to(coalitions.astype(np.float32), (N, *coalitions.shape))
    inputs = [images.embeddings, images.local, donors.embeddings, donors.local, every]
    one, again, other = (build_network(SIZES, seed) for seed in (3, 3, 4))
    assert not one.predict_on_batch(inputs).any()
    weights = [to_numpy(model, SIZES).weights for model in (one, again, other)]
    for name, array in weights[0].items():
        np.testing.assert_array_equal(array, weights[1][name])
    assert (weights[0]["hidden/kernel"] != weights[2]["hidden/kernel"]).all()


def test_constants_of_the_graph_give_the_network_back(network):
    again = from_constants(constants(network), SIZES)
    assert set(again.weights) == set(network.weights)
    for name, array in network.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)
    with pytest.raises(TrainingDataError, match="expected the constants of a surrogate"):
        from_constants({"local/kernel": np.zeros(3)}, SIZES)


def test_weights_of_another_network_are_refused(network):
    less = {name: one for name, one in network.weights.items() if name != "deep/kernel"}
    for weights in (less, network.weights | {"deep/kernel": np.zeros((3, 3), np.float32)}):
        with pytest.raises(TrainingDataError, match="expected the weights of a surrogate"):
            to_keras(SurrogateNetwork(SIZES, weights))


@pytest.mark.parametrize("sizes", [{"token": 0}, {"fills": 1}, {"channels": 0}])
def test_sizes_out_of_range_are_refused(sizes):
    with pytest.raises(ParameterError, match="the sizes of a surrogate"):
        Sizes(**{"dimension": 5, "side": 3, "channels": 4} | sizes)
