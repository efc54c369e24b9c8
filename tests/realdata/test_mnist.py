"""Ten digits: a network trained for seconds, a bundle of arrays, and why a 3 is no 8."""

import numpy as np
import pytest

from lpel_serving import Explainer, find_method
from lpel_tf import (
    Recipe,
    ResponsePlan,
    ResponseRecipe,
    TableSettings,
    from_keras,
    train_bundle,
)

pytestmark = pytest.mark.realdata

TRAINED, BUNDLED = 8000, 2000
GRID = 7


@pytest.fixture(scope="module")
def digits(realdata):
    path = realdata / "mnist.npz"
    if not path.is_file():
        pytest.skip(f"there is no {path}.")
    with np.load(path) as arrays:
        return arrays["x_train"], arrays["y_train"]


@pytest.fixture(scope="module")
def network(digits):
    """Embeddings that a classifier of the digits stands on; grey as colour, 0 to 1."""
    import keras

    keras.utils.set_random_seed(0)
    images, labels = digits
    layers = keras.layers
    given = keras.Input((28, 28, 3))
    h = layers.Conv2D(16, 3, strides=2, activation="relu")(given)
    h = layers.Conv2D(32, 3, strides=2, activation="relu")(h)
    embedding = layers.Dense(32)(layers.Flatten()(h))
    classes = layers.Dense(10)(layers.Activation("tanh")(embedding))
    classifier = keras.Model(given, classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile("adam", loss)
    colour = np.repeat(images[:TRAINED, ..., np.newaxis], 3, axis=3) / np.float32(255)
    classifier.fit(colour, labels[:TRAINED], epochs=2, batch_size=64, verbose=0)
    return keras.Model(given, embedding)


def test_digits_go_from_arrays_to_an_explanation(digits, network, tmp_path):
    images, labels = (array[TRAINED : TRAINED + BUNDLED] for array in digits)
    colour = np.repeat(images[..., np.newaxis], 3, axis=3)
    embedder = from_keras(
        network, name="digits", image_size=28, standardisation="unit", faces=colour[:33]
    )
    plan = ResponsePlan(TableSettings(side=GRID, coalitions=8), ResponseRecipe(epochs=8))
    manifest = train_bundle(
        embedder,
        (images, labels),
        tmp_path / "bundle",
        crop="none",
        recipe=Recipe(),
        decoder="solved",
        cache=tmp_path,
        responses=plan,
    )
    training = manifest.decoder.training
    assert training["split"] == "image"
    assert training["people"] == {"train": 10, "validation": 10, "test": 10}
    assert training["test_loss"]["decoder"] < training["test_loss"]["mean_face"] / 2
    assert manifest.responses.training["test_loss"]["vectors"] < 0.8
    assert manifest.threshold.chosen["cross_validated_accuracy"] > 0.8

    explainer = Explainer.load(tmp_path / "bundle")
    threes, eights = (np.flatnonzero(labels == digit)[:12] for digit in (3, 8))
    pairs = [(colour[a], colour[b]) for a, b in zip(threes, eights, strict=True)]
    quick = explainer.explain_pairs(pairs)
    coalitions = find_method("coalitions", side=GRID, count=128)
    measured = explainer.explain_pairs(pairs, method=coalitions)
    assert np.mean([one.similar for one in quick]) < 0.5
    alike = [
        np.corrcoef(one.forward.heat_map.ravel(), other.forward.heat_map.ravel())[0, 1]
        for one, other in zip(quick, measured, strict=True)
    ]
    assert np.mean(alike) > 0.25
