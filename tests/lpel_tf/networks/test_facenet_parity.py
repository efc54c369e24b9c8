"""Keras against ONNX with the real FaceNet on real faces."""

import json

import keras_facenet
import numpy as np
import onnx
import pytest
from keras_facenet.metadata import MODEL_METADATA

from lpel_serving import Explainer
from lpel_serving.bundle.manifest import (
    EMBEDDING,
    IMAGE,
    LOCAL_FEATURES,
    RECONSTRUCTION,
    RESPONSE,
)
from lpel_serving.engine.session import open_session
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.heatmap import normalise
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.measured.embedding_losses import draw_coalitions, embedding_losses
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.report.array_file import arrays
from lpel_tf.decoders import response_decoder
from lpel_tf.decoders.decoder import to_keras
from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
from lpel_tf.networks.weights import fetch
from lpel_tf.pretrained import load_pretrained

pytestmark = [pytest.mark.parity, pytest.mark.weights]

BATCHES = [1, 2, 33]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def network(demo_folder):
    return build(facenet(DEFAULT_KEY), fetch(facenet(DEFAULT_KEY)))


@pytest.fixture(scope="module")
def explainer(demo_folder):
    return Explainer.load(demo_folder / "bundle", crop="none")


@pytest.fixture(scope="module")
def faces(real_crops):
    """33 real faces, all different: the demo's, mirrored, and shifted."""
    crops = np.unique(real_crops, axis=0)
    shifted = np.roll(crops, 11, axis=1)
    everyone = [crops, crops[:, :, ::-1], shifted, shifted[:, :, ::-1]]
    return np.ascontiguousarray(np.concatenate(everyone)[:33])


@pytest.fixture(scope="module")
def embeddings(explainer, faces):
    return explainer.embedder.embed(faces)


def onnx_session(demo_folder, file, given, result):
    data = (demo_folder / "bundle" / file).read_bytes()
    return open_session(data, input_name=given, output_name=result)


def standardised(crops):
    """keras-facenet's formula, in numpy, image by image."""
    images = []
    for image in crops:
        deviation = np.maximum(np.std(image), 1 / np.sqrt(image.size))
        images.append((image - np.mean(image)) / deviation)
    return np.stack(images).astype(np.float32)


def test_the_parity_is_measured_on_33_different_faces(faces):
    assert len(np.unique(faces, axis=0)) == 33


# --- the embedder --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES)
def test_uint8_through_onnx_is_the_formula_and_keras(batch, demo_folder, network, faces):
    session = onnx_session(demo_folder, "embedder.onnx", IMAGE, EMBEDDING)
    given = session.run(faces[:batch])
    wanted = network(standardised(faces[:batch]), training=False).numpy()
    assert given.shape == wanted.shape == (batch, 128)
    np.testing.assert_allclose(given, wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("batch", BATCHES)
def test_predict_agrees_with_onnx_too(batch, demo_folder, network, faces):
    session = onnx_session(demo_folder, "embedder.onnx", IMAGE, EMBEDDING)
    wanted = network.predict(standardised(faces[:batch]), verbose=0)
    np.testing.assert_allclose(session.run(faces[:batch]), wanted, rtol=0, atol=TOLERANCE)


def test_pixels_that_nobody_standardised_give_another_embedding_in_keras(
    network, faces, embeddings
):
    raw = network(faces[:2].astype(np.float32), training=False).numpy()
    assert np.abs(raw - embeddings[:2]).max() > 1e-2, "else the tests above say nothing"


def test_embeddings_have_unit_norm_and_tell_the_faces_apart(embeddings):
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    cosines = embeddings @ embeddings.T
    assert cosines[~np.eye(33, dtype=bool)].max() < 0.9999


def test_an_embedding_is_the_same_bytes_at_any_batch_size(explainer, demo_folder, faces):
    one, two, all_33 = (explainer.embedder.embed(faces, batch) for batch in BATCHES)
    assert one.tobytes() == two.tobytes() == all_33.tobytes()
    session = onnx_session(demo_folder, "embedder.onnx", IMAGE, EMBEDDING)
    assert session.run(faces).tobytes() == one.tobytes()


def test_an_embedding_is_the_same_bytes_wherever_it_stands_in_a_batch(explainer, faces):
    forward = explainer.embedder.embed(faces)
    backward = explainer.embedder.embed(faces[::-1])[::-1]
    assert forward.tobytes() == backward.tobytes()


def test_our_embeddings_are_those_of_keras_facenet(network, faces, embeddings):
    theirs = object.__new__(keras_facenet.FaceNet)
    theirs.metadata, theirs.model = MODEL_METADATA[DEFAULT_KEY], network
    wanted = theirs.embeddings(list(faces))
    np.testing.assert_allclose(embeddings, wanted, rtol=0, atol=TOLERANCE)


def test_the_demos_pairs_are_as_alike_as_keras_facenet_finds(demo_folder, network):
    theirs = object.__new__(keras_facenet.FaceNet)
    theirs.metadata, theirs.model = MODEL_METADATA[DEFAULT_KEY], network
    pairs = json.loads((demo_folder / "summary.json").read_text())["pairs"]
    assert len(pairs) == 6
    for pair in pairs:
        with np.load(demo_folder / f"{pair['name']}.npz") as arrays:
            a, b = theirs.embeddings([arrays["reference_crop"], arrays["test_crop"]])
        cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        assert pair["similarity"] == pytest.approx(cosine, abs=1e-4)


# --- the decoder ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", BATCHES)
def test_the_decoder_in_onnx_is_the_one_in_keras(batch, demo_folder, embeddings):
    decoder = load_pretrained(DEFAULT_KEY).decoder
    session = onnx_session(demo_folder, "decoder.onnx", EMBEDDING, RECONSTRUCTION)
    given = session.run(embeddings[:batch])
    assert given.shape == (batch, 40, 40, 3)
    keras = to_keras(decoder).predict(embeddings[:batch], verbose=0)
    np.testing.assert_allclose(given, keras, rtol=0, atol=TOLERANCE)
    exact = embeddings[:batch].astype(np.float64) @ decoder.kernel + decoder.bias
    np.testing.assert_allclose(given.reshape(batch, -1), exact, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_response_decoder_in_onnx_is_the_one_in_keras(batch, demo_folder, embeddings):
    decoder = load_pretrained(DEFAULT_KEY).responses.decoder
    session = onnx_session(demo_folder, "responses.onnx", EMBEDDING, RESPONSE)
    given = session.run(embeddings[:batch])
    assert given.shape == (batch, 8, 8, 128)
    keras = response_decoder.to_keras(decoder).predict(embeddings[:batch], verbose=0)
    np.testing.assert_allclose(given, keras, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(
        given.reshape(batch, 64, 128), decoder(embeddings[:batch]), rtol=0, atol=TOLERANCE
    )


def test_the_shipped_bundle_explains_by_the_order_of_its_surrogate(explainer, faces):
    assert explainer.default_method == SurrogateOrder()
    explained = explainer.explain(faces[0], faces[1]).forward
    assert explained.heat_map.shape == (8, 8)
    assert np.isfinite(explained.heat_map).all()
    assert explained.heat_map.std() > 0


def test_the_shipped_responses_predict_what_coalitions_take(explainer, faces):
    """Of faces that nobody trained on; predicting 0 has a share of 1."""
    decoder = load_pretrained(DEFAULT_KEY).responses.decoder
    rng = np.random.default_rng(0)
    missed, all_of_it = 0.0, 0.0
    for face in faces[:6]:
        h = explainer.embed(face[np.newaxis])
        chosen = draw_coalitions(rng, 12, 64)
        lost = embedding_losses(explainer.embed, COSINE, face, h[0], chosen, [Fill("mean")], rng)
        missed += np.square(lost - chosen @ decoder(h)[0]).sum()
        all_of_it += np.square(lost).sum()
    assert missed < 0.9 * all_of_it


def test_reconstructions_look_like_the_faces(explainer, faces, embeddings):
    """Better than the mean of these faces would, which is all that a broken decoder could give."""
    small = faces.reshape(33, 40, 4, 40, 4, 3).mean(axis=(2, 4)) / 255
    rebuilt = explainer.decode(embeddings)
    upright = slice(0, 18)  # the demo's faces and their mirror images, not the shifted ones
    loss = np.mean((rebuilt[upright] - small[upright]) ** 2)
    strangers = np.mean((rebuilt[upright] - np.roll(small[upright], 5, axis=0)) ** 2)
    assert loss < strangers * 0.8


# --- the bundle ----------------------------------------------------------------------------------


def bytes_of(pair):
    parts = {name: value.tobytes() for name, value in arrays(pair).items()}
    return parts, pair.similarity, pair.similar, pair.agreement


@pytest.mark.parametrize(
    "method",
    [Lpel(), Responses(), SurrogateOrder()],
    ids=["lpel", "responses", "surrogate-order"],
)
@pytest.mark.parametrize("batch", [1, 2, 8, 33])
def test_a_pair_alone_and_among_others_gives_the_same_bytes(batch, method, explainer, faces):
    pairs = [(faces[i], faces[(i * 5 + 3) % 33]) for i in range(8)]
    among = explainer.explain_pairs(pairs, method=method, batch_size=batch)
    for i in (0, 3, 7):
        assert bytes_of(explainer.explain(*pairs[i], method=method)) == bytes_of(among[i])


def test_the_normalised_heat_map_does_not_depend_on_p(explainer, faces):
    """The real decoder is linear: D = p |W r|."""
    for pair in [(faces[0], faces[1]), (faces[2], faces[11])]:
        maps = {p: explainer.explain(*pair, method=Lpel(p)) for p in (0.03, 0.3, 3.0)}
        wanted = maps[0.3].forward
        assert wanted.heat_map.max() > 0
        for p, explained in maps.items():
            given = explained.forward
            np.testing.assert_allclose(
                given.normalised_heat_map, wanted.normalised_heat_map, atol=2e-3
            )
            np.testing.assert_allclose(
                given.heat_map / p, wanted.heat_map / 0.3, rtol=0.02, atol=2e-4
            )
            assert np.mean(given.mask != wanted.mask) < 0.005


def test_the_heat_map_is_that_of_the_weights_and_the_relevance(explainer, faces):
    explained = explainer.explain(faces[0], faces[5], method=Lpel()).forward
    kernel = load_pretrained(DEFAULT_KEY).decoder.kernel.astype(np.float64)
    change = np.abs(0.3 * (explained.relevance @ kernel)).reshape(40, 40, 3).mean(axis=-1)
    np.testing.assert_allclose(explained.heat_map, change, atol=1e-4)
    np.testing.assert_allclose(
        explained.normalised_heat_map, normalise(change.astype(np.float32)), atol=1e-3
    )


@pytest.mark.parametrize(
    ("file", "given", "result", "metadata"),
    [
        (
            "embedder.onnx",
            {IMAGE: (onnx.TensorProto.UINT8, ["batch", 160, 160, 3])},
            {
                EMBEDDING: (onnx.TensorProto.FLOAT, ["batch", 128]),
                LOCAL_FEATURES: (onnx.TensorProto.FLOAT, ["batch", 64, 256]),
            },
            {
                "name": f"FaceNet {DEFAULT_KEY}",
                "image_size": "160",
                "dimension": "128",
                "standardisation": "per image",
            },
        ),
        (
            "decoder.onnx",
            {EMBEDDING: (onnx.TensorProto.FLOAT, ["batch", 128])},
            {RECONSTRUCTION: (onnx.TensorProto.FLOAT, ["batch", 40, 40, 3])},
            {"lpel": "decoder", "embedder": f"FaceNet {DEFAULT_KEY}"},
        ),
        (
            "responses.onnx",
            {EMBEDDING: (onnx.TensorProto.FLOAT, ["batch", 128])},
            {RESPONSE: (onnx.TensorProto.FLOAT, ["batch", 8, 8, 128])},
            {"lpel": "response decoder", "embedder": f"FaceNet {DEFAULT_KEY}"},
        ),
    ],
)
def test_the_models_have_the_stable_interface(file, given, result, metadata, demo_folder):
    model = onnx.load(demo_folder / "bundle" / file)
    onnx.checker.check_model(model)
    assert interface(model.graph.input) == given
    assert interface(model.graph.output) == result
    assert [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}] == [
        17
    ]
    assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx", "ai.onnx.ml"}
    assert {entry.key: entry.value for entry in model.metadata_props} == metadata


def interface(tensors):
    return {
        tensor.name: (
            tensor.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim],
        )
        for tensor in tensors
    }


def test_the_manifest_reports_the_parity_at_two_batch_sizes(demo_folder):
    manifest = json.loads((demo_folder / "bundle" / "manifest.json").read_text())
    for name in ("embedder", "decoder", "responses"):
        report = manifest["parity"][name]
        assert 0 <= report["max_difference"] <= report["tolerance"] == TOLERANCE
        assert report["batch_sizes"][0] == 1 < report["batch_sizes"][1]
        assert report["samples"] >= 2
