"""The losses of siamese networks against their equations."""

import keras
import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_tf.siamese.losses import ContrastiveLoss, TripletLoss, center_loss
from oracles import oracle_siamese as oracle

BATCH, D, CLASSES = 12, 5, 3


@pytest.fixture
def h(rng):
    """Embeddings of triplets; the first are equal, some others near each other."""
    h = rng.normal(size=(BATCH, 3, D)).astype(np.float32)
    h[0] = h[0, 0]
    h[1:6, 1] = h[1:6, 0] + h[1:6, 1] / 10
    return h


@pytest.mark.parametrize("alpha", [0.2, 1.0, 30.0])
def test_the_contrastive_loss_is_that_of_eq_2_3(h, alpha):
    z = np.arange(BATCH) % 2
    found = ContrastiveLoss(alpha)(z, h[:, :2])
    expected = [
        oracle.contrastive(*pair, one, alpha) for pair, one in zip(h[:, :2], z, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert min(expected) == 0 < max(expected)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_triplet_loss_is_facenets_or_of_plain_distances(h, alpha, squared):
    found = TripletLoss(alpha, squared)(None, h)
    expected = [oracle.triplet(*three, alpha, squared=squared) for three in h]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert min(expected) == 0 < max(expected)


@pytest.mark.parametrize("loss", [ContrastiveLoss(), TripletLoss(), TripletLoss(squared=False)])
def test_equal_images_do_not_break_the_weights(loss):
    tower = keras.Sequential([keras.Input((4,)), keras.layers.Dense(D)])
    same = np.ones((6, 3, 4), np.float32)
    model = keras.Sequential([keras.Input((3, 4)), keras.layers.TimeDistributed(tower)])
    model.compile("sgd", loss)
    model.fit(same, np.arange(6) % 2, epochs=2, verbose=0)
    assert all(np.isfinite(weights).all() for weights in tower.get_weights())


def centred(weight: float, rate: float):
    """A classifier of embeddings that are given, with its centers."""
    h, label = keras.Input((D,)), keras.Input((), dtype="int32")
    layer = center_loss(CLASSES, weight, rate)
    scores = keras.layers.Dense(CLASSES, name="scores")(layer([h, label]))
    model = keras.Model([h, label], scores)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, layer


def test_the_sum_is_that_of_eq_2_7_and_centers_move_by_eq_2_6(rng):
    weight, rate = 0.3, 0.5
    model, layer = centred(weight, rate)
    labels = np.array([0, 0, 2, 0, 2, 2, 2, 0])  # of class 1 there is none: its center stays
    h = rng.normal(size=(len(labels), D)).astype(np.float32)
    centers = rng.normal(size=(CLASSES, D)).astype(np.float32)
    layer.centers.assign(centers)
    scores = model.get_layer("scores")(h).numpy()
    terms = [
        oracle.softmax(v, k) + weight * oracle.center(one, centers[k])
        for v, one, k in zip(scores.tolist(), h.tolist(), labels, strict=True)
    ]
    assert model.evaluate([h, labels], labels, verbose=0) == pytest.approx(np.mean(terms), rel=1e-5)
    np.testing.assert_array_equal(layer.centers.numpy(), centers)  # nothing moves without training
    model.fit([h, labels], labels, batch_size=len(labels), verbose=0)
    expected = oracle.moved(centers.tolist(), h.tolist(), labels.tolist(), rate)
    np.testing.assert_allclose(layer.centers.numpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.centers.numpy()[1], centers[1])


def test_centers_draw_embeddings_together(rng):
    """A linear tower on noise about two points: with the center loss classes are tighter."""
    labels = rng.integers(0, 2, 200)
    x = (labels[:, np.newaxis] + rng.normal(size=(200, 4))).astype(np.float32)

    def tightness(weight):
        keras.utils.set_random_seed(0)
        given, label = keras.Input((4,)), keras.Input((), dtype="int32")
        h = keras.layers.Dense(D, name="h")(given)
        scores = keras.layers.Dense(2)(center_loss(2, weight)([h, label]))
        model = keras.Model([given, label], scores)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.02), loss)
        model.fit([x, labels], labels, epochs=12, batch_size=50, verbose=0)
        found = keras.Model(given, h).predict(x, verbose=0)
        means = np.stack([found[labels == k].mean(axis=0) for k in (0, 1)])
        within = np.square(found - means[labels]).sum(axis=1).mean()
        return within / np.square(means[0] - means[1]).sum()

    assert tightness(1.0) < tightness(0.0)


@pytest.mark.parametrize("alpha", [0, -1, np.nan, np.inf])
@pytest.mark.parametrize("loss", [ContrastiveLoss, TripletLoss])
def test_a_margin_that_is_none_is_refused(loss, alpha):
    with pytest.raises(ParameterError, match="the margin alpha is above 0"):
        loss(alpha)


@pytest.mark.parametrize("wrong", [(1, 0.1, 0.5), (3, -1, 0.5), (3, 0.1, 0), (3, 0.1, 1.5)])
def test_centers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ParameterError, match="centers are of 2 classes or more"):
        center_loss(*wrong)
