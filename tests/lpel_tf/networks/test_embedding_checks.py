"""Embeddings that say nothing of the photographs are refused before anything is trained on them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lpel_export.support.errors import ModelShapeError
from lpel_serving.images.datasets.faces import list_faces
from lpel_tf import Recipe, from_onnx, train_bundle
from lpel_tf.data.dataset import FaceSet
from lpel_tf.decoders.response_table import ResponseTable
from lpel_tf.decoders.response_training import ResponseRecipe, train_responses
from lpel_tf.decoders.training import train_decoder
from lpel_tf.networks.embedding_checks import check_embeddings
from lpel_tf.support.errors import TrainingDataError
from support.images import pixels, write_people

SIDE = 16
RANDOM = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
FACES = np.stack([pixels(seed, SIDE) for seed in range(4)])


def changed(row: int, value: float) -> np.ndarray:
    embeddings = RANDOM.copy()
    embeddings[row] = value
    return embeddings


BROKEN = {
    "one feature": (RANDOM[:, :1], "1 feature; the cosine of two numbers is 1 or -1"),
    "NaN": (changed(3, np.nan), "1 of 20 photographs hold NaN or infinity"),
    "infinity": (changed(3, np.inf), "1 of 20 photographs hold NaN or infinity"),
    "one zero": (changed(3, 0), "1 of 20 photographs an embedding of zeros"),
    "all zero": (np.zeros_like(RANDOM), "20 of 20 photographs an embedding of zeros"),
    "constant": (np.repeat(RANDOM[:1], 20, 0), "the same embedding for every photograph"),
    "one direction": (RANDOM[:1] * np.arange(1, 21, dtype=np.float32)[:, np.newaxis], "every"),
    "nearly constant": (RANDOM[:1] * (1 + 1e-7 * np.sign(RANDOM)), "every photograph"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_embeddings_that_say_nothing_are_refused(what):
    embeddings, complaint = BROKEN[what]
    with pytest.raises(TrainingDataError, match=complaint) as caught:
        check_embeddings(np.asarray(embeddings, np.float32))
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "embeddings",
    [RANDOM, RANDOM * 1e-30, RANDOM * 1e30, RANDOM[:1], RANDOM[:1] + 1e-3 * RANDOM, RANDOM[:0]],
    ids=["plain", "tiny", "huge", "one", "alike", "none"],
)
def test_embeddings_of_any_size_that_differ_are_taken(embeddings):
    check_embeddings(embeddings.astype(np.float32))


@pytest.mark.parametrize("what", BROKEN)
def test_no_decoder_is_trained_on_them(what):
    embeddings, complaint = BROKEN[what]
    targets = np.zeros((20, 4, 4, 3), np.uint8)
    faces = FaceSet(np.asarray(embeddings, np.float32), targets, tuple("abcdefghijklmnopqrst"))
    with pytest.raises(
        TrainingDataError, match=complaint.replace("20", "40").replace("1 of", "2 of")
    ):
        train_decoder(faces, faces, Recipe(epochs=1))
    table = ResponseTable(
        faces.embeddings,
        np.zeros((20, 2, 4), np.bool_),
        np.zeros((20, 2, embeddings.shape[1]), np.float16),
        faces.identities,
    )
    with pytest.raises(TrainingDataError):
        train_responses(table, table, ResponseRecipe(epochs=1))


def network(kernel: np.ndarray, bias: np.ndarray | float = 0.0) -> bytes:
    """A linear network of uint8 pixels, then a rectifier."""
    held = {"kernel": kernel.astype(np.float32), "bias": np.asarray(bias, np.float32)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "kernel"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", kernel.shape[1]])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def kernel(features: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(SIDE * SIDE * 3, features)) / SIDE


HOW = {"name": "linear", "image_size": SIDE, "mean": 0, "scale": 255, "layout": "NHWC"}


@pytest.mark.parametrize(
    ("model", "error", "complaint"),
    [
        (network(kernel(1)), ModelShapeError, "one number for each image"),
        (network(np.zeros((SIDE * SIDE * 3, 6)), 1), TrainingDataError, "the same embedding"),
        (network(np.zeros((SIDE * SIDE * 3, 6)), -1), TrainingDataError, "4 of 4 photographs"),
    ],
    ids=["one feature", "constant", "dead"],
)
def test_a_network_that_says_nothing_is_refused_when_it_is_brought_along(model, error, complaint):
    with pytest.raises(error, match=complaint):
        from_onnx(model, faces=FACES, **HOW)


def test_a_photograph_without_a_direction_is_named_before_training(tmp_path):
    embedder = from_onnx(network(kernel(6)), faces=FACES, **HOW)
    people = write_people(tmp_path / "faces", people=4, each=3)
    black = people / "Person_01" / "Person_01_0002.png"
    Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(black)
    for _ in range(2):  # the second time its embedding is found in the store
        with pytest.raises(TrainingDataError) as caught:
            train_bundle(
                embedder,
                tuple(list_faces(people)),
                tmp_path / "bundle",
                crop="none",
                recipe=Recipe(epochs=1),
                cache=tmp_path / "cache",
            )
        assert f"{black} is zero all over" in str(caught.value)
        assert str(caught.value).count(".png") == 1
    assert not (tmp_path / "bundle").exists()


def test_crops_of_another_kind_are_refused_in_words_of_crops():
    for faces in (FACES / 255, FACES[:, :8], FACES[0]):
        with pytest.raises(ValueError, match="expected face crops as uint8"):
            from_onnx(network(kernel(6)), faces=faces, **HOW)
