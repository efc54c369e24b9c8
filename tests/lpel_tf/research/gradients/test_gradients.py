"""Gradient-based methods on networks whose gradients follow by hand."""

import subprocess
import sys

import numpy as np
import pytest

from lpel_export.support.errors import ModelShapeError, StandardisationError
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.support.errors import EmbeddingError, ImageError, ParameterError
from lpel_tf.research.gradients import (
    Differentiable,
    Fggb,
    GradCam,
    Sensitivity,
    Xssab,
    feature_guided_map,
    gradient_maps,
)
from lpel_tf.research.gradients.grad_cam import last_feature_map
from support.differentiable import (
    FEATURES,
    SIDE,
    generator,
    half_and_half,
    halves,
    kernels,
    network,
    pair_for,
)
from support.images import pixels

HALF = SIDE // 2
PIXELS = SIDE * HALF * 3
THETA = 0.3
METHODS = {
    "sensitivity": Sensitivity,
    "grad-cam": GradCam,
    "xssab": lambda differentiable: Xssab(differentiable, THETA),
    "fggb": lambda differentiable: Fggb(differentiable, THETA),
}
SIGNED = ("xssab", "fggb")
PASSES = {"sensitivity": 1, "grad-cam": 1, "xssab": 2, "fggb": FEATURES}
every = pytest.mark.parametrize("name", METHODS)


def blocks(standardisation="fixed", chunk=2, activation="linear") -> Differentiable:
    return Differentiable(network(*kernels(), activation), standardisation, chunk=chunk)


@pytest.fixture(scope="module")
def differentiable():
    return blocks()


@pytest.fixture(scope="module")
def two_halves():
    return halves()


def explain(method, pair):
    return checked_map(method, pair, None, generator())


def by_halves(left, right):
    values = np.full((SIDE, SIDE), left, np.float32)
    values[:, HALF:] = right
    return values


# By hand, for the network `halves`: test (30, 40), of length 50, so e_t = (0.6, 0.8); reference
# (200, 0), so e_r = (1, 0); cos = 0.6.
# d e_1 / dh = (0.64, -0.48) / 50, d e_2 / dh = (-0.48, 0.36) / 50; dh / dpixel = 1 / PIXELS.
REFERENCE, TEST = half_and_half(200, 0), half_and_half(30, 40)
LEFT, RIGHT = 0.64 / 50 / PIXELS, 0.48 / 50 / PIXELS


def test_the_unit_embedding_by_hand(two_halves):
    np.testing.assert_allclose(two_halves.embed(TEST[np.newaxis]), [[0.6, 0.8]], rtol=1e-6)


def test_the_gradient_by_hand(two_halves):
    gradient = two_halves.gradients(TEST, np.eye(2, dtype=np.float32))
    assert gradient.shape == (2, SIDE, SIDE, 3)
    assert gradient.dtype == np.float32
    for channel in range(3):
        np.testing.assert_allclose(gradient[0, ..., channel], by_halves(LEFT, -RIGHT), rtol=1e-5)
        expected = by_halves(-RIGHT, 0.36 / 50 / PIXELS)
        np.testing.assert_allclose(gradient[1, ..., channel], expected, rtol=1e-5)


@pytest.mark.parametrize("power", [1, 2])
def test_sensitivity_by_hand(two_halves, power):
    values = explain(Sensitivity(two_halves, power), pair_for(two_halves, REFERENCE, TEST))
    np.testing.assert_allclose(values, by_halves(LEFT**power, RIGHT**power), rtol=1e-5)


def test_xssab_by_hand(two_halves):
    """v = (0.6, 0): with theta = 0.3 feature 1 argues for a match and feature 2 against it."""
    pair = pair_for(two_halves, REFERENCE, TEST)
    # What argues against has no gradient, for e_r is 0 there.
    np.testing.assert_allclose(
        explain(Xssab(two_halves, THETA), pair), by_halves(LEFT, RIGHT), rtol=1e-5
    )
    # A share of theta = 1 is 0.5.
    turned = pair_for(two_halves, half_and_half(0, 200), TEST)
    received = explain(Xssab(two_halves, 1), turned)
    expected = by_halves(RIGHT, 0.36 / 50 / PIXELS)  # v = (0, 0.8): feature 2 alone
    np.testing.assert_allclose(received, expected, rtol=1e-5)


def test_fggb_by_hand(two_halves):
    """G_1 is as 0.64 to 0.48, G_2 as 0.48 to 0.36: both 0.8 to 0.6, over a norm."""
    norm = np.sqrt(SIDE * HALF * (0.8**2 + 0.6**2))
    maps = gradient_maps(two_halves, TEST)
    np.testing.assert_allclose(maps, [by_halves(0.8, 0.6) / norm] * 2, rtol=1e-5)
    values = explain(Fggb(two_halves, THETA), pair_for(two_halves, REFERENCE, TEST))
    guided = 0.6 - 0.3  # the sum of v less theta, whole
    # Columns that the blur does not mix, its radius being 1 at this size.
    np.testing.assert_allclose(values[:, 0], guided * 0.8 / norm, rtol=1e-5)
    np.testing.assert_allclose(values[:, -1], guided * 0.6 / norm, rtol=1e-5)


@pytest.mark.parametrize("similar", [True, False])
def test_grad_cam_by_hand(two_halves, similar):
    """The map is 1 high and 2 wide: channels' weights are LEFT less RIGHT, halved; all equal."""
    pair = pair_for(two_halves, REFERENCE, TEST, similar)
    values = explain(GradCam(two_halves), pair)
    weight = (0.64 - 0.48) / 50 / 3 / 2
    expected = [[3 * weight * 30, 3 * weight * 40]] if similar else [[0, 0]]
    np.testing.assert_allclose(values, expected, rtol=1e-4)


@every
def test_every_method_gives_a_map_and_looks_at_no_networks(differentiable, name):
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    values = explain(METHODS[name](differentiable), pair)
    assert values.dtype == np.float32
    assert values.any()


@every
def test_passes_are_counted(name):
    differentiable = blocks()
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    explain(METHODS[name](differentiable), pair)
    assert (differentiable.forwards, differentiable.backwards) == (PASSES[name], PASSES[name])


def test_embeddings_are_forward_passes_alone(differentiable):
    before = differentiable.forwards, differentiable.backwards
    embeddings = differentiable.embed(np.stack([pixels(i, SIDE) for i in range(5)]))
    assert embeddings.shape == (5, FEATURES)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-6)
    assert (differentiable.forwards, differentiable.backwards) == (before[0] + 5, before[1])


@every
def test_gradients_trace_a_network_once(name, monkeypatch):
    differentiable = blocks()
    traced = []
    model = differentiable.model
    call = type(model).call

    def counting(self, *arguments, **named):
        traced.append(1)
        return call(self, *arguments, **named)

    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    method = METHODS[name](differentiable)
    monkeypatch.setattr(type(model), "call", counting)
    explain(method, pair)
    first = len(traced)
    explain(method, pair.swapped)
    explain(method, pair)
    assert first > 0
    assert len(traced) == first


@pytest.mark.parametrize("name", SIGNED)
def test_the_other_decision_changes_the_sign(differentiable, name):
    method = METHODS[name](differentiable)
    images = pixels(1, SIDE), pixels(2, SIDE)
    similar = explain(method, pair_for(differentiable, *images, similar=True))
    dissimilar = explain(method, pair_for(differentiable, *images, similar=False))
    np.testing.assert_array_equal(dissimilar, -similar)
    assert (similar > 0).any() or (dissimilar > 0).any()


def test_sensitivity_knows_no_decision(differentiable):
    images = pixels(1, SIDE), pixels(2, SIDE)
    one, other = (
        explain(Sensitivity(differentiable), pair_for(differentiable, *images, similar=similar))
        for similar in (True, False)
    )
    np.testing.assert_array_equal(one, other)
    assert (one >= 0).all()


@every
def test_a_swapped_pair_is_explained_by_the_other_image(differentiable, name):
    method = METHODS[name](differentiable)
    a, b = pixels(1, SIDE), pixels(2, SIDE)
    swapped = explain(method, pair_for(differentiable, a, b).swapped)
    np.testing.assert_array_equal(swapped, explain(method, pair_for(differentiable, b, a)))
    assert not np.array_equal(swapped, explain(method, pair_for(differentiable, a, b)))


@every
def test_lengths_of_embeddings_do_not_matter(differentiable, name):
    method = METHODS[name](differentiable)
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    longer = type(pair)(pair.reference, pair.test, 4 * pair.h_r, 4 * pair.h_t, pair.similar)
    np.testing.assert_allclose(explain(method, longer), explain(method, pair), rtol=1e-4, atol=1e-9)


@every
@pytest.mark.parametrize("similar", [True, False])
def test_a_network_without_gradients_gives_zeros(name, similar):
    colours, embedding = kernels()
    differentiable = Differentiable(network(colours, 0 * embedding), "fixed")
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE), similar)
    h = np.eye(FEATURES, dtype=np.float32)
    for h_r, h_t in ((h[0], h[1]), (pair.h_r, pair.h_t)):
        one = type(pair)(pair.reference, pair.test, h_r, h_t, similar)
        assert not explain(METHODS[name](differentiable), one).any()


@every
@pytest.mark.parametrize("grey", [0, 77, 255])
def test_a_plain_image_has_gradients_too(name, grey):
    differentiable = blocks("per image")
    plain = np.full((SIDE, SIDE, 3), grey, np.uint8)
    assert np.isfinite(
        explain(METHODS[name](differentiable), pair_for(differentiable, pixels(1, SIDE), plain))
    ).all()


def test_the_gradient_of_a_plain_image_is_that_of_its_floor():
    """Its standardised pixels are ``(x - mean) / floor``, all of them 0."""
    import keras

    image = keras.Input((2, 2, 3))
    dense = keras.layers.Dense(2)
    model = keras.Model(image, dense(keras.layers.Flatten()(image)))
    kernel = generator().normal(size=(12, 2)).astype(np.float32)
    dense.set_weights([kernel, np.array([0, 1], np.float32)])  # of a plain image: (0, 1)
    differentiable = Differentiable(model, "per image")
    plain = np.full((2, 2, 3), 9, np.uint8)
    received = differentiable.gradients(plain, np.array([[1, 0]], np.float32))[0]
    weights = kernel[:, 0].astype(np.float64)
    expected = (weights - weights.mean()) * np.sqrt(12)  # the deviation is at least 1 / sqrt(12)
    np.testing.assert_allclose(received.ravel(), expected, rtol=1e-4, atol=1e-5)


def test_chunks_change_nothing():
    images = pixels(1, SIDE), pixels(2, SIDE)
    maps = [gradient_maps(blocks(chunk=chunk), images[1]) for chunk in (1, 2, FEATURES, 64)]
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(maps[0], axis=(1, 2)), 1, rtol=1e-5)


def test_gradient_maps_serve_every_reference(differentiable):
    test = pixels(2, SIDE)
    maps = gradient_maps(differentiable, test)
    for seed in (3, 4):
        pair = pair_for(differentiable, pixels(seed, SIDE), test)
        expected = explain(Fggb(differentiable, THETA), pair)
        received = feature_guided_map(maps, pair.h_r, pair.h_t, THETA)
        np.testing.assert_array_equal(received, expected)


def test_new_weights_are_seen():
    differentiable = blocks()
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    method = Sensitivity(differentiable)
    before = explain(method, pair)
    differentiable.model.get_layer("embedding").set_weights(
        [generator(9).normal(size=(16, FEATURES)).astype(np.float32)]
    )
    assert not np.allclose(explain(method, pair), before)


def test_the_last_feature_map_is_found(differentiable, two_halves):
    assert last_feature_map(differentiable) == "features"
    assert last_feature_map(two_halves) == "pooled"


def test_a_network_without_feature_maps_is_refused():
    import keras

    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    with pytest.raises(ParameterError, match="no layer of this model gives a feature map"):
        last_feature_map(Differentiable(model, "unit"))


def test_sequential_models_work_too():
    import keras

    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(2, 3, name="first"),
            keras.layers.Flatten(),
            keras.layers.Dense(FEATURES),
        ]
    )
    differentiable = Differentiable(model, "unit")
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    assert explain(GradCam(differentiable), pair).shape == (SIDE - 2, SIDE - 2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("nowhere", "expected a layer that the model has, and uses once; received 'nowhere'"),
        ("embedding", "gives no feature map"),
    ],
)
def test_layers_that_cannot_be_used_are_refused(differentiable, layer, message):
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    with pytest.raises(ParameterError, match=message):
        explain(GradCam(differentiable, layer), pair)


@pytest.mark.parametrize("theta", [-1.1, 1.1, float("nan")])
@pytest.mark.parametrize("method", [Xssab, Fggb])
def test_thresholds_that_are_no_cosine_are_refused(differentiable, method, theta):
    with pytest.raises(ParameterError, match="theta is the threshold on the cosine"):
        method(differentiable, theta)


def test_other_powers_are_refused(differentiable):
    with pytest.raises(ParameterError, match="power 1, or the squared one, power 2; received 3"):
        Sensitivity(differentiable, 3)


@pytest.mark.parametrize(
    "crop", [np.zeros((SIDE, SIDE, 3), np.float32), np.zeros((4, 4, 3), np.uint8)]
)
def test_other_crops_are_refused(differentiable, crop):
    with pytest.raises(ImageError, match="the network wants 1 or more crops, uint8"):
        gradient_maps(differentiable, crop)


def test_embeddings_of_another_network_are_refused(differentiable):
    pair = pair_for(differentiable, pixels(1, SIDE), pixels(2, SIDE))
    other = type(pair)(pair.reference, pair.test, pair.h_r[:3], pair.h_t[:3], True)
    for make in METHODS.values():
        with pytest.raises(EmbeddingError, match=r"from (the same|one) network"):
            explain(make(differentiable), other)


def test_networks_and_standardisations_that_are_none_are_refused():
    import keras

    image = keras.Input((None, None, 3))
    free = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    small = keras.Input((8, 8, 3))
    fixed = keras.Model(small, keras.layers.GlobalAveragePooling2D()(small))
    with pytest.raises(ModelShapeError, match="a model of images of one size"):
        Differentiable(free, "unit")
    with pytest.raises(StandardisationError, match="'nothing'"):
        Differentiable(fixed, "nothing")
    with pytest.raises(ParameterError, match="a chunk is 1 image or more; received 0"):
        Differentiable(free, "unit", chunk=0)


def test_unit_vectors():
    np.testing.assert_allclose(unit(np.array([3, 4], np.float32)), [0.6, 0.8], rtol=1e-6)
    assert not unit(np.zeros(3, np.float32)).any()


def test_importing_the_methods_does_not_load_tensorflow():
    loaded = "print('tensorflow' in sys.modules, 'scipy' in sys.modules)"
    program = f"import sys, lpel_tf.research.gradients; {loaded}"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"]
