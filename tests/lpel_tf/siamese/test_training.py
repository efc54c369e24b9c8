"""Siamese networks trained from images to the end: every loss, resumed, refused."""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest

from lpel_serving.images.crops import as_crop
from lpel_serving.images.datasets.labelled import from_arrays
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.siamese.image_set import ImageSet, read_image_set, shape_of_first
from lpel_tf.siamese.models import small_tower
from lpel_tf.siamese.recipe import SiameseRecipe
from lpel_tf.siamese.training import embed, train_siamese
from lpel_tf.support.errors import TrainingDataError

SHAPE, CLASSES = ImageShape(8, 8, 1), 6


def images(each, seed, classes=CLASSES):
    rng, strokes = np.random.default_rng(seed), np.random.default_rng(0)
    drawn = strokes.integers(0, 160, (classes, *SHAPE))
    labels = np.arange(classes * each) % classes
    pixels = (drawn[labels] + rng.integers(0, 96, (len(labels), *SHAPE))).astype(np.uint8)
    return ImageSet(pixels, from_arrays(pixels, labels))


TRAIN, VALIDATION, TEST = images(24, 1), images(8, 2), images(8, 3)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy
        yield


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "centers", "head"])
def test_every_loss_learns_what_classes_it_was_not_shown_images_of(loss):
    recipe = SiameseRecipe(loss, dimension=6, epochs=8, batch_size=32, learning_rate=0.003)
    trained = train_siamese(TRAIN, VALIDATION, recipe)
    assert trained.history[trained.best_epoch - 1].misordered == min(
        epoch.misordered for epoch in trained.history
    )
    measured = trained.evaluate(TEST)
    assert measured.auc > 0.75  # by chance a half
    assert measured.one_shot.accuracy > 2 / CLASSES
    assert measured.one_shot.ways == CLASSES
    assert (trained.head is not None) == (loss == "head")


@contextmanager
def _cut_off(what, total):
    """Progress that is interrupted after the second epoch, as by Ctrl-C."""
    done = 0

    def advance(more):
        nonlocal done
        done += more
        if done == 2:
            raise KeyboardInterrupt

    yield advance


@pytest.mark.parametrize("loss", ["triplet", "centers"])
def test_an_interrupted_training_ends_with_the_same_weights(loss, tmp_path):
    recipe = SiameseRecipe(loss, dimension=4, epochs=4, batch_size=48)
    whole = train_siamese(TRAIN, VALIDATION, recipe)
    file = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        train_siamese(TRAIN, VALIDATION, recipe, checkpoint=file, progress=_cut_off)
    seen = []

    @contextmanager
    def progress(what, total):
        yield seen.append

    resumed = train_siamese(TRAIN, VALIDATION, recipe, checkpoint=file, progress=progress)
    assert seen[0] == 2, "the epochs that were done are not done again"
    assert resumed.history == whole.history
    for one, other in zip(whole.tower.get_weights(), resumed.tower.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tower_of_ones_own_is_trained_and_a_longer_training_waits_no_longer_than_it_may():
    tower = small_tower(SHAPE, 3, seed=5)
    before = tower.get_weights()[0].copy()
    recipe = SiameseRecipe(epochs=40, patience=1, batch_size=48, learning_rate=0.01)
    trained = train_siamese(TRAIN, VALIDATION, recipe, tower=tower)
    assert trained.tower is tower
    assert embed(tower, TEST).shape == (len(TEST), 3)
    assert (tower.get_weights()[0] != before).any()
    assert len(trained.history) < 40


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": "hinge"}, "a loss is one of contrastive"),
        ({"hardness": "easy"}, "negatives are random"),
        ({"epochs": 0}, "are 1 or more"),
        ({"learning_rate": float("nan")}, "learning rate is above 0"),
        ({"alpha": 0.0}, "a margin is finite and above 0"),
    ],
)
def test_recipes_that_are_none_are_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        SiameseRecipe(**given)


def test_images_without_two_classes_are_refused():
    one = TRAIN.select(np.array([p.identity == "0" for p in TRAIN.photographs]))
    with pytest.raises(TrainingDataError, match="two classes or more"):
        train_siamese(TRAIN, one, SiameseRecipe())


def test_images_are_read_as_their_files_are(tmp_path):
    from PIL import Image

    from lpel_serving.images.datasets.faces import find_faces

    for name, level in (("a", 10), ("b", 200)):
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("RGB", (9, 7), (level,) * 3).save(tmp_path / name / f"{number}.png")
    (tmp_path / "b" / "2.png").write_bytes((tmp_path / "b" / "1.png").read_bytes()[:-30])
    found = find_faces(tmp_path, None).faces
    assert shape_of_first(found) == (7, 9, 1), "grey, for it has no colours"
    unusable = Unusable(0.5)
    read = read_image_set(found, as_crop("none"), ImageShape(7, 9, 1), unusable=unusable)
    assert len(read) == 4
    assert len(unusable.found()) == 1
    assert read.equal.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    with pytest.raises(TrainingDataError, match="none can be used"):
        read_image_set(found[4:], as_crop("none"), ImageShape(7, 9, 1), unusable=Unusable(1))
