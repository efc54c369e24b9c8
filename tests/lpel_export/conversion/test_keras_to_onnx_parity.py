"""Keras against ONNX on networks that are made here, with numpy formulas as the judge."""

import keras
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from lpel_export.conversion.keras_to_onnx import (
    Exported,
    export_decoder,
    export_embedder,
    export_responder,
)
from lpel_export.conversion.parity import check_parity
from lpel_export.conversion.standardisation import STANDARDISATIONS
from lpel_export.support.errors import ConversionError, ModelShapeError, ParityError
from lpel_serving import Explainer
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, RECONSTRUCTION, RESPONSE
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.session import open_session
from lpel_serving.equations.similarity import unit
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.errors import BundleError, LpelError
from lpel_serving.support.image_shape import square
from lpel_tf.decoders.decoder import build_decoder
from lpel_tf.networks.embedders import from_keras
from support import tiny

pytestmark = pytest.mark.parity

SIZE = 12


def per_image(x):
    """keras-facenet's `_normalize`, image by image."""
    images = []
    for image in x.astype(np.float64):
        deviation = max(np.std(image), 1 / np.sqrt(image.size))
        images.append((image - np.mean(image)) / deviation)
    return np.stack(images).astype(np.float32)


FORMULAS = {
    "fixed": lambda x: (x.astype(np.float32) - 127.5) / 127.5,
    "per image": per_image,
    "unit": lambda x: x.astype(np.float32) / 255,
    "none": lambda x: x.astype(np.float32),
    "imagenet": lambda x: keras.applications.imagenet_utils.preprocess_input(x, mode="torch"),
    "caffe": lambda x: keras.applications.imagenet_utils.preprocess_input(x, mode="caffe"),
}


def images(seed, n, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    """A small convolutional network with everything that FaceNet has, from pixels to unit norm."""
    keras.utils.set_random_seed(1)
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Dense(7)(x)
    model = keras.Model(image, keras.layers.UnitNormalization()(x))
    rng = np.random.default_rng(2)
    norm = model.layers[2]
    norm.set_weights([rng.uniform(0.5, 1.5, 8).astype(np.float32) for _ in range(4)])
    return model


@pytest.fixture(scope="module")
def exports(network):
    return {
        name: from_keras(
            network, name=name, image_size=SIZE, standardisation=name, faces=images(3, 5)
        )
        for name in STANDARDISATIONS
    }


def test_every_standardisation_has_its_formula_here():
    assert FORMULAS.keys() == STANDARDISATIONS.keys()


@pytest.mark.parametrize("name", STANDARDISATIONS)
def test_a_standardisation_in_tensorflow_is_its_formula(name):
    x = images(4, 6)
    given = STANDARDISATIONS[name](x).numpy()
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, FORMULAS[name](x), atol=2e-6)


@pytest.mark.parametrize("batch", [1, 2, 33])
@pytest.mark.parametrize("name", STANDARDISATIONS)
def test_the_exported_network_is_formula_and_network(name, batch, network, exports):
    x = images(5, batch)
    expected = network(FORMULAS[name](x), training=False).numpy()
    embedder = Embedder(exports[name].model, exports[name].record, CentreCrop())
    np.testing.assert_allclose(embedder.embed(x, batch), expected, atol=1e-5)
    assert embedder.embed(x).shape == (batch, 7)


@pytest.mark.parametrize("name", STANDARDISATIONS)
def test_the_exported_network_lets_no_other_pixels_in(name, exports):
    graph = onnx.load_from_string(exports[name].model).graph
    assert [tensor.name for tensor in graph.input] == [IMAGE]
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.parametrize("name", STANDARDISATIONS)
def test_the_export_says_what_it_is(name, exports):
    exported = exports[name]
    assert exported.record.standardisation == name
    assert (exported.record.shape.height, exported.record.dimension) == (SIZE, 7)
    assert exported.parity.batch_sizes == (1, 5)
    assert exported.parity.samples == 5
    assert exported.parity.max_difference <= exported.parity.tolerance == 1e-5
    model = onnx.load_from_string(exported.model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata == {
        "name": name,
        "image_size": str(SIZE),
        "dimension": "7",
        "standardisation": name,
    }


@pytest.mark.parametrize("colour", [0, 1, 127, 128, 255])
@pytest.mark.parametrize("name", STANDARDISATIONS)
def test_plain_pictures_give_finite_embeddings(name, colour, network, exports):
    x = np.full((2, SIZE, SIZE, 3), colour, np.uint8)
    onnx_s = open_session(exports[name].model, input_name=IMAGE, output_name=EMBEDDING).run(x)
    assert np.isfinite(onnx_s).all()
    np.testing.assert_allclose(
        onnx_s, network(FORMULAS[name](x), training=False).numpy(), atol=1e-5
    )


def test_a_picture_with_one_pixel_changed_is_standardised_as_keras_facenet_does():
    x = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    x[0, 3, 4, 1] = 91
    given = STANDARDISATIONS["per image"](x).numpy()
    # The mean of 90.002 is rounded to float32 in the graph: a five-hundredth of the deviation.
    np.testing.assert_allclose(given, FORMULAS["per image"](x), rtol=5e-3)
    assert np.isfinite(given).all()


def test_dropout_and_batch_statistics_are_those_of_inference(network, exports):
    x = images(6, 4)
    copy = keras.models.clone_model(network)  # a training step moves the batch statistics
    copy.set_weights(network.get_weights())
    trained = copy(FORMULAS["unit"](x), training=True).numpy()
    onnx_s = open_session(exports["unit"].model, input_name=IMAGE, output_name=EMBEDDING).run(x)
    assert np.abs(trained - onnx_s).max() > 1e-2, "training must differ for this to say something"
    np.testing.assert_allclose(onnx_s, network(FORMULAS["unit"](x), training=False), atol=1e-5)


# --- the decoder ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decoder():
    keras.utils.set_random_seed(3)
    return build_decoder(9, square(8))


@pytest.mark.parametrize("batch", [1, 2, 33])
def test_the_exported_decoder_is_the_keras_decoder(batch, decoder):
    exported = export_decoder(decoder, {"lpel": "decoder"})
    h = np.random.default_rng(7).normal(size=(batch, 9)).astype(np.float32)
    session = open_session(exported.model, input_name=EMBEDDING, output_name=RECONSTRUCTION)
    np.testing.assert_allclose(session.run(h), decoder.predict_on_batch(h), atol=1e-5)
    kernel, bias = decoder.get_weights()
    np.testing.assert_allclose(session.run(h), (h @ kernel + bias).reshape(-1, 8, 8, 3), atol=1e-5)


def test_a_decoder_that_is_not_linear_can_be_exported_too():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((9,)),
            keras.layers.Dense(4 * 4 * 16, activation="relu"),
            keras.layers.Reshape((4, 4, 16)),
            keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )
    exported = export_decoder(model, {})
    h = np.random.default_rng(8).normal(size=(5, 9)).astype(np.float32)
    session = open_session(exported.model, input_name=EMBEDDING, output_name=RECONSTRUCTION)
    assert session.run(h).shape == (5, 8, 8, 3)
    np.testing.assert_allclose(session.run(h), model.predict_on_batch(h), atol=1e-5)


# --- the response decoder ------------------------------------------------------------------------


def vectors_on_a_grid(*shape, dimension=9, activation=None):
    return keras.Sequential(
        [
            keras.Input((dimension,)),
            keras.layers.Dense(int(np.prod(shape)), activation=activation),
            keras.layers.Reshape(shape),
        ]
    )


@pytest.fixture(scope="module")
def responder():
    keras.utils.set_random_seed(13)
    model = vectors_on_a_grid(3, 3, 9)
    kernel, bias = model.get_weights()
    model.set_weights([kernel, np.linspace(-1, 1, len(bias)).astype(np.float32)])
    return model


@pytest.mark.parametrize("batch", [1, 2, 33])
def test_the_exported_response_decoder_is_the_keras_one(batch, responder):
    exported = export_responder(responder, {"lpel": "response decoder"})
    h = np.random.default_rng(14).normal(size=(batch, 9)).astype(np.float32)
    session = open_session(
        exported.model,
        input_name=EMBEDDING,
        output_name=RESPONSE,
        input_shape=(None, 9),
        output_shape=(None, 3, 3, 9),
    )
    np.testing.assert_allclose(session.run(h), responder.predict_on_batch(h), atol=1e-5)
    np.testing.assert_allclose(exported.original(h), responder.predict_on_batch(h), atol=1e-6)
    kernel, bias = responder.get_weights()
    np.testing.assert_allclose(session.run(h), (h @ kernel + bias).reshape(-1, 3, 3, 9), atol=1e-5)
    metadata = onnx.load_from_string(exported.model).metadata_props
    assert {entry.key: entry.value for entry in metadata} == {"lpel": "response decoder"}


def test_a_response_decoder_that_is_not_linear_can_be_exported_too():
    keras.utils.set_random_seed(15)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(10, activation="swish"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2 * 2 * 6, activation="tanh"),
            keras.layers.Reshape((2, 2, 6)),
            keras.layers.Conv2D(6, 3, padding="same"),
        ]
    )
    exported = export_responder(model, {})
    h = np.random.default_rng(16).normal(size=(5, 6)).astype(np.float32)
    session = open_session(exported.model, input_name=EMBEDDING, output_name=RESPONSE)
    assert session.run(h).shape == (5, 2, 2, 6)
    np.testing.assert_allclose(session.run(h), model.predict_on_batch(h), atol=1e-5)
    names = {"input_name": EMBEDDING, "output_name": RESPONSE, "inputs": "5 embeddings"}
    parity = check_parity(exported, h, **names)
    assert parity.batch_sizes == (1, 5)
    forged = Exported(altered(exported.model, np.float32(0.1)), exported.original)
    with pytest.raises(ParityError, match=r"differs .* on 5 embeddings; allowed"):
        check_parity(forged, h, **names)


def test_an_exported_response_decoder_works_in_a_bundle(responder, tmp_path):
    keras.utils.set_random_seed(17)
    side, dimension = tiny.SIDE, tiny.DIMENSION
    model = vectors_on_a_grid(side, side, dimension, dimension=dimension)
    exported = export_responder(model, {})
    explainer = Explainer.load(tiny.write_bundle(tmp_path / "bundle", responses=exported.model))
    h = np.random.default_rng(18).normal(size=(4, dimension)).astype(np.float32)
    expected = model.predict_on_batch(unit(h)).reshape(4, side**2, dimension)
    np.testing.assert_allclose(explainer.respond(h), expected, atol=1e-5)
    other = export_responder(responder, {}).model
    with pytest.raises(BundleError, match="the manifest promises"):
        Explainer.load(tiny.write_bundle(tmp_path / "other", responses=other))


def test_the_exported_models_have_the_stable_interface(decoder, responder, exports):
    wanted = {
        "responses": (export_responder(responder, {}).model, EMBEDDING, [9], RESPONSE, [3, 3, 9]),
        "embedder": (exports["unit"].model, IMAGE, [SIZE, SIZE, 3], EMBEDDING, [7]),
        "decoder": (export_decoder(decoder, {}).model, EMBEDDING, [9], RECONSTRUCTION, [8, 8, 3]),
    }
    for data, given, given_shape, result, result_shape in wanted.values():
        model = onnx.load_from_string(data)
        assert next((entry.domain, entry.version) for entry in model.opset_import) == ("", 17)
        assert shape_of(model.graph.input) == {given: ["batch", *given_shape]}
        assert shape_of(model.graph.output) == {result: ["batch", *result_shape]}


def shape_of(tensors):
    return {
        tensor.name: [dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim]
        for tensor in tensors
    }


# --- what is refused -----------------------------------------------------------------------------


def altered(model, by):
    """The same ONNX model with the largest of its weights moved."""
    changed = onnx.load_from_string(model)
    tensor = max(changed.graph.initializer, key=lambda t: numpy_helper.to_array(t).size)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[values.size // 2] += by
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return changed.SerializeToString()


@pytest.mark.parametrize("by", [1e-3, np.nan, np.inf])
def test_an_altered_model_is_refused(by, decoder):
    exported = export_decoder(decoder, {})
    h = np.random.default_rng(9).normal(size=(4, 9)).astype(np.float32)
    names = {"input_name": EMBEDDING, "output_name": RECONSTRUCTION, "inputs": "4 embeddings"}
    check_parity(exported, h, **names)
    forged = Exported(altered(exported.model, np.float32(by)), *list(vars(exported).values())[1:])
    with pytest.raises(ParityError, match=r"differs .* on 4 embeddings; allowed") as caught:
        check_parity(forged, h, **names)
    assert isinstance(caught.value, ArithmeticError)


def test_a_network_that_is_random_at_each_call_is_refused():
    noise = keras.layers.GaussianNoise(1.0)

    class Noisy(keras.layers.Layer):
        def call(self, x):
            return noise(x, training=True)

    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(4), Noisy()]
    )
    with pytest.raises(LpelError) as caught:
        from_keras(
            model, name="noisy", image_size=SIZE, standardisation="unit", faces=images(10, 3)
        )
    assert isinstance(caught.value, ParityError | ConversionError)


def feature_maps():
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Conv2D(4, 3)])


def two_outputs():
    image = keras.Input((SIZE, SIZE, 3))
    flat = keras.layers.Flatten()(image)
    return keras.Model(image, [keras.layers.Dense(4)(flat), keras.layers.Dense(5)(flat)])


def two_inputs():
    inputs = [keras.Input((SIZE, SIZE, 3)), keras.Input((SIZE, SIZE, 3))]
    both = keras.layers.Concatenate()(inputs)
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(both)))


def other_size():
    return keras.Sequential(
        [keras.Input((SIZE + 1, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )


NO_EMBEDDERS = [feature_maps, two_outputs, two_inputs, other_size]


@pytest.mark.parametrize("make", NO_EMBEDDERS)
def test_what_does_not_map_images_to_vectors_is_no_embedder(make):
    with pytest.raises(ModelShapeError, match="an embedder") as caught:
        export_embedder(make(), square(SIZE), "unit", {})
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("make", NO_EMBEDDERS)
def test_from_keras_refuses_what_is_no_embedder_in_the_same_words(make):
    with pytest.raises(ModelShapeError, match="an embedder"):
        from_keras(
            make(), name="wrong", image_size=SIZE, standardisation="unit", faces=images(11, 2)
        )


def test_an_unknown_standardisation_is_refused_by_name(network):
    with pytest.raises(LpelError, match="per image"):
        export_embedder(network, square(SIZE), "per-image", {})


def decoder_of(shape, dimension=9):
    return keras.Sequential(
        [
            keras.Input((dimension,)),
            keras.layers.Dense(int(np.prod(shape))),
            keras.layers.Reshape(shape),
        ]
    )


@pytest.mark.parametrize("shape", [(48,), (4, 4), (4, 4, 2), (4, 4, 3, 1)])
def test_what_does_not_map_vectors_to_images_is_no_decoder(shape):
    with pytest.raises(ModelShapeError, match="a decoder maps vectors"):
        export_decoder(decoder_of(shape), {})


def test_a_network_from_images_to_images_is_no_decoder():
    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Conv2D(3, 3, padding="same")]
    )
    with pytest.raises(ModelShapeError, match="a decoder maps vectors"):
        export_decoder(model, {})


@pytest.mark.parametrize("shape", [(81,), (9, 9), (3, 4, 9), (3, 3, 8), (3, 3, 9, 1)])
def test_what_does_not_map_vectors_to_a_square_grid_of_such_is_no_response_decoder(shape):
    with pytest.raises(ModelShapeError, match=r"a response decoder maps vectors.*this one maps"):
        export_responder(vectors_on_a_grid(*shape), {})


def test_a_network_from_images_is_no_response_decoder():
    model = keras.Sequential([keras.Input((4, 4, 9)), keras.layers.Conv2D(9, 3, padding="same")])
    with pytest.raises(ModelShapeError, match="a response decoder maps vectors"):
        export_responder(model, {})


def test_parity_is_not_measured_on_one_image_alone(network):
    """Two batch sizes, 1 and all of them, need at least two images."""
    with pytest.raises(LpelError):
        from_keras(
            network, name="one", image_size=SIZE, standardisation="unit", faces=images(12, 1)
        )
