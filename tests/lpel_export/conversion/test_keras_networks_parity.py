"""Keras networks as people have them: packed, normalised, mixed in precision, of any scale."""

import json
import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf2onnx.optimizer

from lpel_export.conversion.keras_to_onnx import Exported, export_embedder
from lpel_export.conversion.parity import check_parity
from lpel_export.support.errors import (
    ConversionError,
    ModelShapeError,
    ParityError,
    StandardisationError,
)
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.errors import ImageError, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf import Recipe, from_keras, train_bundle
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.support.errors import TrainingDataError
from support import reproduction

pytestmark = pytest.mark.parity

SIDE = 8
FACES = np.random.default_rng(1).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
LAYERS = keras.layers


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(5)


def taken_in(model, standardisation="unit", faces=FACES):
    return from_keras(
        model, name="mine", image_size=SIDE, standardisation=standardisation, faces=faces
    )


def embedded(exported, faces=FACES):
    return Embedder(exported.model, exported.record, CentreCrop()).embed(faces)


def of(*layers, **options):
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers], **options)


def vectors(dimension=4):
    return [LAYERS.Flatten(), LAYERS.Dense(dimension)]


# --- what tf2onnx needs help with ----------------------------------------------------------------


def test_the_statistics_of_a_normalisation_become_constants():
    mean, variance = np.array([0.5, 0.4, 0.3]), np.array([0.04, 0.05, 0.06])
    model = of(LAYERS.Normalization(mean=mean, variance=variance), LAYERS.Flatten())
    exported = taken_in(model)
    expected = ((FACES / 255 - mean) / np.sqrt(variance)).reshape(len(FACES), -1)
    np.testing.assert_allclose(embedded(exported), expected, atol=2e-6)


def test_a_normalisation_that_was_adapted_goes_in_with_what_it_saw():
    normalise = LAYERS.Normalization(axis=None)
    normalise.adapt(FACES / 255)
    exported = taken_in(of(normalise, LAYERS.Flatten()))
    values = FACES / 255
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose(embedded(exported), expected.reshape(len(FACES), -1), atol=2e-6)


@pytest.mark.parametrize("reach", [1, 30])
def test_an_exact_gelu_goes_in_though_onnx_has_no_erfc(reach):
    """Far to the left, erfc loses all of its digits to a subtraction, and none that count."""
    model = of(LAYERS.Rescaling(2 * reach, -reach), LAYERS.Activation("gelu"), LAYERS.Flatten())
    exported = taken_in(model)
    x = (FACES / 255 * 2 * reach - reach).reshape(len(FACES), -1)
    expected = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    np.testing.assert_allclose(embedded(exported), expected, atol=1e-6 * reach)


@pytest.mark.parametrize("groups", [2, 4])
def test_a_grouped_convolution_goes_in_though_keras_has_it_compiled(groups):
    model = of(LAYERS.Conv2D(8, 1), LAYERS.Conv2D(8, 3, groups=groups), LAYERS.Flatten())
    expected = model.predict_on_batch(FACES / np.float32(255))
    np.testing.assert_allclose(embedded(taken_in(model)), expected, atol=1e-5)


class Fails:
    """A pass of tf2onnx that has spoiled the graph when it fails."""

    def optimize(self, graph, iteration):
        graph.remove_node(graph.get_nodes()[-1].name)
        raise AssertionError("there is always one more case")


def test_a_pass_that_fails_is_left_out(monkeypatch):
    passes = {"fails": Fails, **tf2onnx.optimizer._get_optimizers()}
    monkeypatch.setattr(tf2onnx.optimizer, "_optimizers", passes)
    model = of(LAYERS.Conv2D(4, 3, activation="relu"), *vectors())
    expected = model.predict_on_batch(FACES / np.float32(255))
    np.testing.assert_allclose(embedded(taken_in(model)), expected, atol=1e-5)


def test_what_onnx_has_no_operator_for_is_refused_by_its_name():
    class Spectrum(LAYERS.Layer):
        def call(self, x):
            return keras.ops.fft2((x[..., 0], keras.ops.zeros_like(x[..., 0])))[0]

    with pytest.raises(ConversionError, match=r"neither tf2onnx nor ONNX has .*FFT2D"):
        taken_in(of(Spectrum(), LAYERS.Flatten()))


# --- how a network may be packed -----------------------------------------------------------------


class Subclassed(keras.Model):
    def __init__(self, pack):
        super().__init__()
        self.flatten, self.dense, self.pack = *vectors(), pack

    def call(self, images):
        return self.pack(self.dense(self.flatten(images)))


PACKED = {
    "as it is": lambda h: h,
    "a dictionary": lambda h: {"embedding": h},
    "a list": lambda h: [h],
    "a pixel": lambda h: keras.ops.reshape(h, (-1, 1, 1, 4)),
}


def functional(pack):
    image = keras.Input((SIDE, SIDE, 3))
    flat, dense = vectors()
    return keras.Model(image, pack(dense(flat(image))))


def subclassed(pack):
    model = Subclassed(pack)
    model(np.zeros((1, SIDE, SIDE, 3), np.float32))
    return model


@pytest.mark.parametrize("make", [functional, subclassed])
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_one_vector_goes_in_however_it_is_packed(pack, make):
    model = make(pack)
    kernel, bias = model.get_weights()
    exported = taken_in(model)
    assert exported.record.dimension == 4
    expected = (FACES / 255).reshape(len(FACES), -1) @ kernel + bias
    np.testing.assert_allclose(embedded(exported), expected, atol=1e-5)
    if make is functional:
        gradients = Differentiable(model, "unit").gradients(FACES[0], np.eye(4, dtype=np.float32))
        assert gradients.shape == (4, SIDE, SIDE, 3)
        assert np.abs(gradients).max() > 0


def test_a_network_that_takes_its_image_by_name_goes_in():
    image = keras.Input((SIDE, SIDE, 3), name="face")
    model = keras.Model({"face": image}, LAYERS.Dense(4)(LAYERS.Flatten()(image)))
    assert taken_in(model).record.dimension == 4


def test_a_network_of_any_size_has_the_dimension_of_the_size_that_is_asked_for():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, LAYERS.Flatten()(LAYERS.Conv2D(2, 3, strides=2)(image)))
    assert taken_in(model).record.dimension == 3 * 3 * 2


def pair_of_images():
    tower = of(*vectors(), name="tower")
    pair = [keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))]
    return keras.Model(pair, LAYERS.Dot(1)([tower(image) for image in pair]))


def two_outputs():
    image = keras.Input((SIDE, SIDE, 3))
    flat = LAYERS.Flatten()(image)
    return keras.Model(image, {"who": LAYERS.Dense(4)(flat), "how old": LAYERS.Dense(1)(flat)})


def taking(*shape):
    layers = (
        vectors()
        if None not in shape
        else [LAYERS.Conv2D(8, 3, activation="relu"), LAYERS.GlobalAveragePooling2D()]
    )
    return keras.Sequential([keras.Input(shape), *layers])


REFUSED = {
    "a path": (lambda: "model.keras", "a Keras model; received str: load or build"),
    "a function": (lambda: np.mean, "a Keras model; received"),
    "unbuilt": (lambda: keras.Sequential(vectors()), "has no weights yet: build it"),
    "unbuilt, subclassed": (lambda: Subclassed(lambda h: h), "has no weights yet: build it"),
    "a pair": (
        pair_of_images,
        r"to a vector, such as model.get_layer\('tower'\); what compares two vectors is",
    ),
    "two outputs": (two_outputs, r"the 2 outputs .* model\.output\['who'\] \("),
    "two outputs, subclassed": (lambda: subclassed(lambda h: (h, h)), "It has the 2 outputs"),
    "flat": (lambda: taking(784), "Put a layer before it that takes images"),
    "channels first": (lambda: taking(3, SIDE, SIDE), "a keras.layers.Permute before it"),
    "another size": (lambda: taking(9, 9, 3), r"image_size is \(8, 8, 3\): give .*, \(9, 9, 3\)"),
    "feature maps": (lambda: of(LAYERS.Conv2D(4, 3)), "GlobalAveragePooling2D or Flatten"),
    "tokens": (lambda: of(LAYERS.Reshape((-1, 3))), "GlobalAveragePooling2D or Flatten"),
    "of other images, subclassed": (
        lambda: subclassed_for(2 * SIDE),
        f"takes images, shape \\(None, {SIDE}, {SIDE}, 3\\); .* does not",
    ),
}


def subclassed_for(side):
    model = Subclassed(lambda h: h)
    model(np.zeros((1, side, side, 3), np.float32))
    return model


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_go_in_is_refused_in_a_sentence_that_says_what_to_do(make, message):
    with pytest.raises(ModelShapeError, match=message) as caught:
        taken_in(make())
    assert "an embedder" in str(caught.value)


@pytest.mark.parametrize(
    "faces",
    [
        *(FACES / 255, FACES.astype(np.float32), FACES[0], FACES[:, 1:], FACES[..., :1]),
        *(list("ab"), [FACES[0], FACES[1, 1:]], [], None),
    ],
)
def test_crops_of_another_kind_are_refused_at_the_door(faces):
    with pytest.raises(ImageError, match="expected face crops as uint8"):
        taken_in(of(*vectors()), faces=faces)


def test_a_list_of_crops_is_taken_as_an_array_is():
    model = of(*vectors())
    assert taken_in(model, faces=list(FACES)).model == taken_in(model).model


@pytest.mark.parametrize("size", [8.0, "8", 0, -8, (8, 8, 2), (8,), (8, 8, 3, 1), (8, 0)])
def test_a_size_that_is_no_number_of_pixels_is_refused(size):
    how = {"name": "mine", "image_size": size, "standardisation": "unit", "faces": FACES}
    with pytest.raises(ParameterError, match=r"image_size is a side in whole pixels.*received"):
        from_keras(of(*vectors()), **how)


def test_a_size_of_numpys_is_a_size(tmp_path):
    exported = from_keras(
        of(*vectors()),
        name="mine",
        image_size=np.int64(SIDE),
        standardisation="unit",
        faces=FACES,
    )
    assert json.dumps(exported.record.shape.height) == str(SIDE)


# --- grey images and rectangles -------------------------------------------------------------------

PAPERS = np.random.default_rng(3).integers(0, 256, (3, 12, 20, 1), dtype=np.uint8)


def signatures(*shape, standardisation="unit", image_size=None, faces=PAPERS):
    model = taking(*shape)
    named = {"name": "signatures", "standardisation": standardisation, "image_size": image_size}
    return model, from_keras(model, faces=faces, **named)


@pytest.mark.parametrize("standardisation", ["unit", "fixed", "none", "per image"])
@pytest.mark.parametrize("shape", [(12, 20, 1), (12, 20)])
def test_a_network_of_grey_rectangles_goes_in_of_its_own_shape(shape, standardisation):
    model, exported = signatures(*shape, standardisation=standardisation)
    assert exported.record.shape == (12, 20, 1)
    pixels = PAPERS.astype(np.float64)
    alike = {
        "unit": pixels / 255,
        "fixed": (pixels - 127.5) / 127.5,
        "none": pixels,
        "per image": (pixels - pixels.mean(axis=(1, 2, 3), keepdims=True))
        / pixels.std(axis=(1, 2, 3), keepdims=True),
    }[standardisation]
    expected = model.predict(alike.reshape(-1, *shape), verbose=0)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(embedded(exported, PAPERS), expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("size", [(12, 20), (12, 20, 1), [12, np.int64(20)]])
def test_a_networks_channels_need_not_be_said(size):
    assert signatures(None, None, 1, image_size=size)[1].record.shape == (12, 20, 1)


def test_grey_crops_may_lack_their_axis_of_channels():
    model, exported = signatures(12, 20)
    named = {"name": "signatures", "standardisation": "unit"}
    assert from_keras(model, faces=PAPERS[..., 0], **named).model == exported.model


@pytest.mark.parametrize("standardisation", ["imagenet", "caffe"])
def test_a_standardisation_of_three_colours_is_none_of_grey(standardisation):
    with pytest.raises(StandardisationError, match=r"grey images.*choose one of fixed, per image"):
        signatures(12, 20, 1, standardisation=standardisation)


@pytest.mark.parametrize("make", [lambda: taking(None, None, 3), lambda: subclassed(lambda h: h)])
def test_a_network_that_does_not_say_its_size_is_asked_for_it(make):
    with pytest.raises(ParameterError, match="does not say of what size its images are"):
        from_keras(make(), name="mine", standardisation="unit", faces=FACES)


def test_a_pair_of_images_is_refused_without_a_size_too():
    with pytest.raises(ModelShapeError, match=r"such as model.get_layer\('tower'\)"):
        from_keras(pair_of_images(), name="mine", standardisation="unit", faces=FACES)


# --- the advice for several outputs, followed to the letter --------------------------------------


def by_name(h):
    """The embedding before the classes; Keras sorts their names the other way."""
    return {"emb": LAYERS.Dense(6)(h), "cls": LAYERS.Dense(2)(h)}


def one_after_another(h):
    return [LAYERS.Dense(6)(h), LAYERS.Dense(2)(h)]


def within(h):
    return {"z": {"emb": LAYERS.Dense(6)(h)}, "a": [LAYERS.Dense(2)(h)]}


def with_outputs(pack, side=SIDE):
    image = keras.Input((side, side, 3))
    return keras.Model(image, pack(LAYERS.GlobalAveragePooling2D()(image)))


class Several(keras.Model):
    def __init__(self):
        super().__init__()
        self.layers_of = {"emb": LAYERS.Dense(6), "cls": LAYERS.Dense(2)}

    def call(self, images):
        flat = keras.ops.mean(images, (1, 2))
        return {name: layer(flat) for name, layer in self.layers_of.items()}


def several():
    model = Several()
    model(np.zeros((1, SIDE, SIDE, 3), np.float32))
    return model


@pytest.mark.parametrize(
    "make",
    [
        *(lambda pack=pack: with_outputs(pack) for pack in (by_name, one_after_another, within)),
        lambda: with_outputs(by_name, None),
        several,
    ],
    ids=["by name", "one after another", "within", "of any size", "subclassed"],
)
def test_whoever_follows_the_advice_exports_the_output_of_that_shape(make):
    model = make()
    with pytest.raises(ModelShapeError) as caught:
        taken_in(model)
    said = str(caught.value)
    (chosen,) = re.findall(r"(\w+(?:\.\w+|\(images\))(?:\[[^]]+\])+) \([^)]*\(None, 6\)\)", said)
    advice = said[said.index("Give a model") :].split(": ", 1)[1].removesuffix(".")
    names = {"model": model, "keras": keras}
    *before, last = advice.replace("OUTPUT", chosen).split("; ")
    for line in before:
        exec(line, names)  # noqa: S102 (our own words, as a user would type them)
    followed = eval(last, names)  # noqa: S307
    assert taken_in(followed).record.dimension == 6


# --- what is refused in words --------------------------------------------------------------------


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(weight):
    """Though a rectifier may hide one that no bundle would be opened with."""
    model = of(*vectors(), LAYERS.ReLU())
    model.layers[1].bias.assign([weight, 0, 0, 0])
    with pytest.raises(ModelShapeError, match="has NaN or infinity among its weights"):
        taken_in(model)


def test_embeddings_that_are_not_finite_are_named():
    model = of(*vectors(), LAYERS.Rescaling(1e38), LAYERS.Rescaling(1e38))
    with pytest.raises(TrainingDataError, match=r"of 5 of 5 photographs hold NaN or infinity"):
        taken_in(model)


class Noisy(keras.Layer):
    """Adds noise at any time, as a dropout does that is in training mode."""

    def call(self, values):
        return values + tf.random.normal(tf.shape(values))


def test_a_random_network_is_refused_as_that():
    with pytest.raises(ParityError, match=r"same image .* random"):
        taken_in(of(*vectors(), Noisy()))


class Untraceable(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = LAYERS.Dense(4)

    def call(self, images):
        flat = keras.ops.reshape(images, (-1, 3 * SIDE * SIDE))
        return self.dense(np.asarray(flat))


def untraceable():
    model = Untraceable()
    model(np.zeros((1, SIDE, SIDE, 3), np.float32))
    return model


@pytest.mark.parametrize(
    ("make", "standardisation"),
    [(untraceable, "unit"), (lambda: of(*vectors()), lambda pixels: pixels[..., :1])],
    ids=["a subclass that cannot be traced", "a standardisation to one channel"],
)
def test_no_message_holds_a_terminals_escapes(make, standardisation):
    with pytest.raises((ConversionError, ModelShapeError)) as caught:
        taken_in(make(), standardisation)
    assert "\x1b" in str(caught.value.__cause__)
    assert str(caught.value).isprintable()
    assert "[1m" not in str(caught.value)


# --- standardisations ----------------------------------------------------------------------------


class Halve:
    def __call__(self, pixels):
        return pixels / 2


OWN = {
    "keras' own": (
        keras.applications.resnet.preprocess_input,
        lambda x: x[..., ::-1] - [103.939, 116.779, 123.68],
        "keras.src.applications.resnet.preprocess_input",
    ),
    "in Keras' operations": (
        lambda pixels: keras.ops.sqrt(pixels) / 2,
        lambda x: np.sqrt(x) / 2,
        "test_keras_networks_parity.<lambda>",
    ),
    "an object": (Halve(), lambda x: x / 2, "test_keras_networks_parity.Halve"),
    "a layer": (
        LAYERS.Rescaling(1 / 255),
        lambda x: x / 255,
        "keras.src.layers.preprocessing.rescaling.Rescaling",
    ),
}


@pytest.mark.parametrize(("function", "formula", "name"), OWN.values(), ids=OWN)
def test_a_standardisation_of_ones_own_is_part_of_the_export(function, formula, name):
    exported = taken_in(of(LAYERS.Flatten()), function)
    expected = formula(FACES.astype(np.float64)).reshape(len(FACES), -1)
    np.testing.assert_allclose(embedded(exported), expected, rtol=1e-5, atol=1e-4)
    assert exported.record.standardisation.endswith(name)
    assert Differentiable(of(LAYERS.Flatten()), function).embed(FACES).shape == expected.shape


def test_a_name_that_is_none_is_refused_with_what_else_there_is():
    with pytest.raises(StandardisationError, match=r"imagenet, caffe; or give a function"):
        taken_in(of(*vectors()), "torch")


# --- parity, at any scale ------------------------------------------------------------------------


def scaled(norm):
    model = of(LAYERS.Flatten(), LAYERS.Dense(6), LAYERS.UnitNormalization())
    return keras.Sequential([model, LAYERS.Rescaling(norm)])


@pytest.mark.parametrize("norm", [1e-6, 1, 297, 1e6])
def test_parity_is_a_share_of_the_embeddings_norm(norm):
    report = taken_in(scaled(norm)).parity
    assert report.scale == pytest.approx(norm, rel=1e-5)
    assert report.tolerance == 1e-5
    assert report.max_difference <= report.tolerance * report.scale
    assert json.loads(json.dumps(report.to_json()))["scale"] == report.scale


@pytest.mark.parametrize("norm", [1e-6, 1, 297, 1e6])
@pytest.mark.parametrize(("error", "passes"), [(3e-6, True), (3e-5, False), (np.nan, False)])
def test_the_same_error_passes_or_fails_at_every_scale(norm, error, passes):
    exported = export_embedder(scaled(norm), square(SIDE), "unit", {})

    def moved(pixels):
        vectors = exported.original(pixels)
        vectors[-1, 0] += np.float32(error * norm)
        return vectors

    names = {"input_name": IMAGE, "output_name": EMBEDDING, "inputs": "5 crops"}
    other = Exported(exported.model, moved)
    if passes:
        assert check_parity(other, FACES, by_length=True, **names).scale == pytest.approx(
            norm, 1e-4
        )
    else:
        with pytest.raises(ParityError, match=r"embeddings of norm .* on 5 crops; allowed are"):
            check_parity(other, FACES, by_length=True, **names)


def test_an_original_that_differs_from_itself_by_the_batch_is_refused_as_that():
    """As untrained deep networks do, which magnify what is rounded: EfficientNetV2L does."""
    exported = export_embedder(scaled(1), square(SIDE), "unit", {})

    def by_the_batch(pixels):
        return exported.original(pixels) + np.float32(1e-3 * (len(pixels) > 1))

    names = {"input_name": IMAGE, "output_name": EMBEDDING, "inputs": "5 crops"}
    with pytest.raises(ParityError, match=r"The original differs from itself by .* magnifies"):
        check_parity(Exported(exported.model, by_the_batch), FACES, by_length=True, **names)


# --- precision -----------------------------------------------------------------------------------


def deep(policy):
    keras.utils.set_random_seed(6)
    return of(
        LAYERS.Conv2D(16, 3, activation="gelu", dtype=policy),
        LAYERS.BatchNormalization(dtype=policy),
        LAYERS.Conv2D(16, 3, activation="relu", dtype=policy),
        LAYERS.GlobalAveragePooling2D(dtype=policy),
        LAYERS.Dense(8, dtype=policy),
    )


@pytest.mark.parametrize(
    ("policy", "numbers", "least", "most"),
    [
        ("mixed_float16", "float16", 1e-6, 1e-2),
        ("mixed_bfloat16", "bfloat16", 1e-5, 5e-2),
        ("float16", "float16", 1e-6, 1e-2),
        ("float64", "float64", 1e-9, 1e-5),
    ],
)
def test_a_network_of_another_precision_is_exported_in_float32(policy, numbers, least, most):
    model, plain = deep(policy), deep("float32")
    plain.set_weights([np.asarray(w, np.float32) for w in model.get_weights()])
    before = np.asarray(model(FACES / 255, training=False), np.float32)
    exported = taken_in(model)
    expected = plain.predict_on_batch(FACES / np.float32(255))
    given = embedded(exported)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    report = exported.parity.to_json()
    assert report["max_difference"] <= report["tolerance"] * report["scale"]
    own = report["trained_precision"]
    assert own["numbers"] == numbers
    assert least <= own["max_difference"] / report["scale"] <= most
    assert own["cosine_min"] == pytest.approx(cosine_similarity(before, given).min(), abs=1e-3)
    assert own["cosine_min"] >= own["least_cosine"] == 0.95
    assert {layer.dtype_policy.name for layer in model.layers} == {policy}
    after = np.asarray(model(FACES / 255, training=False), np.float32)
    np.testing.assert_array_equal(after, before)


def test_a_float32_network_has_no_word_about_its_precision():
    assert "trained_precision" not in taken_in(deep("float32")).parity.to_json()


def test_layers_within_layers_are_found():
    inner = keras.Sequential([LAYERS.Dense(8, activation="relu"), LAYERS.Dense(8)])
    model = of(LAYERS.Flatten(), keras.Sequential([inner, LAYERS.Dense(8)]))
    model.layers[1].layers[0].layers[0].dtype_policy = "mixed_float16"
    report = taken_in(model).parity.to_json()
    assert report["trained_precision"]["numbers"] == "float16"


def test_numbers_that_sixteen_bits_cannot_hold_are_refused():
    model = of(
        LAYERS.Flatten(),
        LAYERS.Dense(64, kernel_initializer="ones", dtype="mixed_float16"),
        LAYERS.Rescaling(8.0, dtype="mixed_float16"),
    )
    with pytest.raises(ParityError, match=r"computes in float16, .* pixels that are not standard"):
        taken_in(model, "none")


def test_a_mixed_precision_network_can_be_differentiated():
    crop, upstream = FACES[0], np.eye(8, dtype=np.float32)[:2]
    given, plain = (
        Differentiable(deep(policy), "unit").gradients(crop, upstream)
        for policy in ("mixed_float16", "float32")
    )
    assert given.dtype == np.float32
    assert np.corrcoef(given.ravel(), plain.ravel())[0, 1] > 0.99


@pytest.fixture
def _trained_in_mixed_precision():
    chosen = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(chosen)


@pytest.mark.usefixtures("_trained_in_mixed_precision")
def test_from_a_mixed_precision_training_to_a_bundle_at_a_path_in_text(tmp_path):
    """The policy is the process's: our own networks are not to take it over."""
    faces = tuple(list_faces(reproduction.write_faces(tmp_path / "faces", 12, 3)))
    side = reproduction.SIDE
    model = keras.Sequential([keras.Input((side, side, 3)), *vectors(3)])
    crops = np.random.default_rng(7).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
    embedder = from_keras(model, name="m", image_size=side, standardisation="unit", faces=crops)
    assert embedder.parity.trained_precision is not None
    out = str(tmp_path / "bundle")
    manifest = train_bundle(
        embedder,
        faces,
        out,
        crop="none",
        recipe=Recipe(epochs=2, batch_size=8),
        cache=tmp_path / "cache",
    )
    assert manifest.parity["decoder"]["max_difference"] <= 1e-5
    assert load_bundle(Path(out)).manifest.parity["embedder"]["trained_precision"]
