"""From arrays of few classes to a bundle that explains, with a tiny network of two layers."""

from contextlib import contextmanager

import numpy as np
import pytest

from lpel_serving import Explainer, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf import Recipe, ResponsePlan, ResponseRecipe, TableSettings, train_bundle
from lpel_tf.support.errors import TrainingDataError
from support import tiny, tiny_layers

CLASSES, EACH, SIDE = 3, 40, 16
RESPONSES = ResponsePlan(
    TableSettings(side=4, coalitions=4), ResponseRecipe(epochs=3, batch_size=16)
)


def data():
    """Grey images of a few classes: each a bright corner of its own, in noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(CLASSES * EACH) % CLASSES
    images = rng.integers(0, 120, (len(labels), SIDE, SIDE), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[8 * (label // 2) :, 8 * (label % 2) :][:8, :8] += 120
    return images, labels


def trained(images, labels, out, cache, **options):
    options = {"crop": "none", "recipe": Recipe(seed=1), "decoder": "solved"} | options
    return train_bundle(tiny_layers.embedder(), (images, labels), out, cache=cache, **options)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def made(cache, tmp_path_factory):
    reported = []

    @contextmanager
    def progress(what, total):
        done = [0]
        yield done.append
        reported.append((what, total, sum(done)))

    out = tmp_path_factory.mktemp("made") / "bundle"
    options = {"threshold": 0.875, "image_size": 8, "responses": RESPONSES, "progress": progress}
    return trained(*data(), out, cache, **options), out, reported


def test_arrays_of_few_classes_are_split_by_image_and_the_bundle_says_so(made):
    manifest, _, _ = made
    training = manifest.decoder.training
    assert training["split"] == "image"
    assert training["photographs"] == {"train": 96, "validation": 12, "test": 12}
    assert set(training["people"].values()) == {CLASSES}
    assert manifest.responses.training["photographs"] == training["photographs"]
    assert manifest.responses.training["split"] == "image"
    assert "images held out of training" in manifest.confidence.fitted["how"]


def test_the_threshold_and_the_size_are_those_that_were_asked_for(made):
    manifest, _, _ = made
    assert manifest.threshold.value == 0.875
    assert manifest.threshold.chosen == {"how": "the user's own"}
    assert "threshold" not in manifest.confidence.fitted["how"]
    assert manifest.decoder.shape == square(8)


def test_the_bundle_explains_images_of_the_array(made):
    _, out, _ = made
    images, labels = data()
    colour = np.repeat(images[..., np.newaxis], 3, axis=3)
    explainer = Explainer.load(out)
    for other in (CLASSES, 1):  # of the same class, and of another
        explained = explainer.explain(colour[0], colour[other])
        assert explained.forward.heat_map.std() > 0
    assert labels[0] == labels[CLASSES] != labels[1]


def test_every_stage_is_reported_to_its_end(made):
    _, _, reported = made
    assert [what for what, total, done in reported if total != done] == []
    words = " ".join(what for what, *_ in reported)
    for stage in (
        "embedding",
        "solving",
        "superpixels",
        "response",
        "threshold",
        "usual",
        "export",
    ):
        assert stage in words


def test_a_split_by_identity_is_what_it_was_and_says_nothing(cache, tmp_path):
    images, labels = data()
    many = np.arange(len(labels)) // 4
    manifest = trained(images, many, tmp_path / "bundle", cache)
    assert "split" not in manifest.decoder.training
    assert manifest.decoder.training["people"] == {"train": 24, "validation": 3, "test": 3}


def test_two_classes_are_enough_and_one_is_not(cache, tmp_path):
    images, labels = data()
    two = labels < 2
    manifest = trained(images[two], labels[two], tmp_path / "bundle", cache)
    assert manifest.decoder.training["people"] == {"train": 2, "validation": 2, "test": 2}
    with pytest.raises(TrainingDataError, match="40 images are of 1 class; at least 2"):
        trained(images[labels == 0], labels[labels == 0], tmp_path / "one", cache)


def test_fewer_images_than_features_are_enough_with_a_ridge(cache, tmp_path):
    images, labels = data()
    few = (images[:12], labels[:12])
    manifest = trained(*few, tmp_path / "bundle", cache, recipe=Recipe(noise=0.3))
    assert manifest.decoder.training["photographs"]["train"] == tiny.DIMENSION == 6
    losses = manifest.decoder.training["test_loss"]
    assert losses["decoder"] < losses["least_squares"] / 2
    with pytest.raises(TrainingDataError, match="without noise"):
        trained(*few, tmp_path / "none", cache, recipe=Recipe(noise=0))


@pytest.mark.parametrize("threshold", [1.5, -2, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused_at_once(threshold, cache, tmp_path):
    with pytest.raises(ParameterError, match=r"lies in \[-1, 1\]"):
        trained(*data(), tmp_path / "bundle", cache, threshold=threshold)
