"""Siamese networks trained as Keras people do: model.fit on batches that are drawn."""

import warnings
from functools import partial

import keras
import numpy as np
import pytest

from lpel_serving.equations.comparison import Euclidean
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.siamese.batches import as_batches
from lpel_tf.siamese.drawing import Classes, draw_pairs, draw_singles, draw_triplets
from lpel_tf.siamese.losses import ContrastiveLoss, TripletLoss
from lpel_tf.siamese.models import classifier, learned_head, siamese, side_by_side, small_tower
from lpel_tf.siamese.one_shot import one_shot

SHAPE, D, CLASSES, EACH = ImageShape(7, 8, 1), 6, 5, 24
"""Of 7 rows: the tower has one block alone."""


@pytest.fixture(scope="module")
def data():
    """Images of classes: a stroke of each, in noise; uint8."""
    rng = np.random.default_rng(0)
    strokes = rng.integers(0, 160, (CLASSES, *SHAPE))
    labels = np.arange(CLASSES * EACH) % CLASSES
    images = strokes[labels] + rng.integers(0, 96, (len(labels), *SHAPE))
    return images.astype(np.uint8), Classes.of([str(one) for one in labels])


def fit(model, loss, batches, epochs=4):
    model.compile(keras.optimizers.Adam(0.003), loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy
        return model.fit(batches, epochs=epochs, verbose=0).history["loss"]


def accuracy(tower, data, rng_seed=9):
    images, classes = data
    h = tower.predict(images, verbose=0)
    rng, by_distance = np.random.default_rng(rng_seed), Euclidean(1.0).similarity
    return one_shot(h, classes, ways=4, trials=200, rng=rng, similarity=by_distance).accuracy


def draw(function, *given):
    return lambda epoch: function(*given, np.random.default_rng((0, epoch)))


def test_by_pairs_and_the_contrastive_loss(data):
    images, classes = data
    tower = small_tower(SHAPE, D)
    batches = as_batches(images, draw(draw_pairs, classes, 160), 40)
    losses = fit(side_by_side(tower, 2), ContrastiveLoss(), batches, epochs=6)
    assert losses[-1] < 0.7 * losses[0]
    assert accuracy(tower, data) > 0.6  # by chance a quarter


@pytest.mark.parametrize("hardness", ["random", "semi-hard", "hard"])
def test_by_triplets_of_what_the_tower_makes_now(hardness, data):
    images, classes = data
    tower = small_tower(SHAPE, D, unit_length=True)
    asked = []

    def triplets(epoch):
        h = tower.predict(images, verbose=0)
        asked.append(h)
        return draw_triplets(classes, h, np.random.default_rng(epoch), hardness=hardness)

    fit(side_by_side(tower, 3), TripletLoss(), as_batches(images, triplets, 40))
    assert len(asked) == 4
    assert not np.allclose(asked[0], asked[1]), "negatives are those of the network as it is"
    assert accuracy(tower, data) > 0.6  # by chance a quarter
    lengths = np.linalg.norm(tower.predict(images, verbose=0), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_by_classes_with_centers(weight, data):
    images, classes = data
    tower = small_tower(SHAPE, D)
    batches = as_batches(images, draw(draw_singles, classes), 40, labelled=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = fit(classifier(tower, CLASSES, weight), loss, batches)
    assert losses[-1] < 0.7 * losses[0]
    assert accuracy(tower, data) > 0.6  # by chance a quarter


def test_by_a_learned_head_of_two_embeddings(data):
    images, classes = data
    tower, head = small_tower(SHAPE, D), learned_head(D)

    def pairs(epoch):
        return draw_pairs(classes, 160, np.random.default_rng((0, epoch))).for_a_head

    model = siamese(tower, head)
    losses = fit(model, "binary_crossentropy", as_batches(images, pairs, 40), epochs=9)
    assert losses[-1] < 0.7 * losses[0]
    drawn = draw_pairs(classes, 100, np.random.default_rng(7))
    pair = [images[column] for column in drawn.places.T]
    scores = model.predict(pair, verbose=0)[:, 0]
    assert np.mean((scores > 0.5) == (drawn.targets == 0)) > 0.75
    exchanged = model.predict(pair[::-1], verbose=0)[:, 0]
    np.testing.assert_allclose(scores, exchanged, atol=1e-6)


def test_a_training_that_goes_on_draws_what_it_would_have_drawn(data):
    images, classes = data
    drawing = draw(draw_pairs, classes, 30)
    whole = as_batches(images, drawing, 30)
    first = whole[0]
    whole.on_epoch_begin()  # of the first epoch
    assert (whole[0][0][0] == first[0][0]).all()
    whole.on_epoch_begin()
    later, resumed = whole[0], as_batches(images, drawing, 30, first_epoch=1)[0]
    np.testing.assert_array_equal(later[0][0], resumed[0][0])
    assert (first[0][0] != later[0][0]).any()
    assert (len(whole), len(as_batches(images, drawing, 16))) == (1, 2)


@pytest.mark.parametrize("comparison", ["cosine", "euclidean"])
def test_a_siamese_model_gives_the_number_that_it_compares_by(comparison, data):
    images, _ = data
    tower = small_tower(SHAPE, D)
    h_r, h_t = (
        tower.predict(one, verbose=0).astype(np.float64) for one in (images[:9], images[9:18])
    )
    found = siamese(tower, comparison).predict([images[:9], images[9:18]], verbose=0)
    lengths = np.linalg.norm(h_r, axis=1) * np.linalg.norm(h_t, axis=1)
    expected = {
        "cosine": (h_r * h_t).sum(axis=1) / lengths,
        "euclidean": np.linalg.norm(h_r - h_t, axis=1),
    }
    np.testing.assert_allclose(found[:, 0], expected[comparison], rtol=1e-4)


def test_a_tower_is_the_same_for_the_same_seed_whatever_was_made_before():
    one, again, other = (small_tower(SHAPE, D, seed=seed) for seed in (3, 3, 4))
    pairs = list(zip(one.get_weights(), again.get_weights(), strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


def test_one_shot_of_perfect_and_of_useless_embeddings():
    labels = np.arange(60) % 20
    classes = Classes.of([f"{one:02}" for one in labels])
    measure = partial(one_shot, classes=classes, ways=20, trials=300)
    perfect = np.eye(20, dtype=np.float32)[labels]
    assert measure(perfect, rng=np.random.default_rng(0)).accuracy == 1
    noise = np.random.default_rng(1).normal(size=(60, 8)).astype(np.float32)
    chance = measure(noise, rng=np.random.default_rng(0))
    assert abs(chance.accuracy - 1 / 20) < 4 * (chance.standard_error + 0.01)
    same = np.ones((60, 8), np.float32)  # every similarity is 1: nothing is found
    assert measure(same, rng=np.random.default_rng(0)).accuracy == 0


@pytest.mark.parametrize(("ways", "trials"), [(1, 5), (21, 5), (5, 0)])
def test_trials_that_cannot_be_are_refused(ways, trials):
    classes = Classes.of([f"{i % 20}" for i in range(40)])
    with pytest.raises(ParameterError, match="among 2 classes or more"):
        one_shot(
            np.ones((40, 3), np.float32),
            classes,
            ways=ways,
            trials=trials,
            rng=np.random.default_rng(0),
        )


def test_batches_and_comparisons_that_are_none_are_refused(data):
    images, classes = data
    with pytest.raises(ParameterError, match="a batch has 1 image or more"):
        as_batches(images, draw(draw_singles, classes), 0)
    with pytest.raises(ParameterError, match="nothing was drawn"):
        as_batches(images, draw(draw_pairs, classes, 0))
    with pytest.raises(ParameterError, match="compares by cosine, euclidean"):
        siamese(small_tower(SHAPE, D), "manhattan")
