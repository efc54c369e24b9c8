"""A learned head: from Keras and from ONNX, and what is refused."""

import keras
import numpy as np
import pytest

from lpel_export.comparison.head import export_head
from lpel_export.support.errors import ModelShapeError
from lpel_serving.engine.comparing import open_head
from support import compared, tiny

D = tiny.DIMENSION
H = (np.random.default_rng(0).normal(size=(40, D)) * 3).astype(np.float32)
OTHERS = np.roll(H, 7, axis=0)


def koch(activation: str = "sigmoid", units: int = 1, between=None):
    h_r, h_t = keras.Input((D,)), keras.Input((D,))
    apart = between(h_r, h_t) if between else keras.ops.abs(h_r - h_t)
    hidden = keras.layers.Dense(5, "relu", kernel_initializer=keras.initializers.HeNormal(1))(apart)
    dense = keras.layers.Dense(
        units, activation, kernel_initializer=keras.initializers.RandomNormal(seed=2)
    )
    return keras.Model([h_r, h_t], dense(hidden))


def above_one_for_itself():
    """In [0, 1] for two that are apart; above for an image with itself."""
    h_r, h_t = keras.Input((D,)), keras.Input((D,))
    apart = keras.ops.sum(keras.ops.abs(h_r - h_t), axis=1, keepdims=True)
    return keras.Model([h_r, h_t], 1.001 - keras.ops.minimum(apart, 1.0))


@pytest.fixture(scope="module")
def model():
    return koch()


def test_a_keras_head_compares_as_keras_does(model):
    exported = export_head(model, H, 2.0)
    head = open_head(exported.model, D, 2.0)
    expected = model.predict_on_batch([H, OTHERS])[:, 0]
    np.testing.assert_allclose(head.similarity(H, OTHERS), expected, atol=1e-6)
    assert exported.parity.max_difference <= 1e-6
    assert exported.parity.samples == len(H)


def test_no_similarity_depends_on_the_other_pairs(model):
    head = open_head(export_head(model, H, 2.0).model, D, 2.0)
    together = head.similarity(H, OTHERS)
    alone = [head.similarity(a, b) for a, b in zip(H, OTHERS, strict=True)]
    np.testing.assert_array_equal(together, alone)
    table = head.similarity(H[:3, np.newaxis], OTHERS[:5])
    assert table.shape == (3, 5)
    np.testing.assert_array_equal(table.diagonal(), together[:3])
    scaled = head.scale(H), head.scale(OTHERS)
    np.testing.assert_allclose(head.of_scaled(*scaled), together, atol=1e-6)


@pytest.mark.parametrize("column", [False, True])
def test_an_onnx_head_is_taken_as_bytes_and_by_its_file(column, tmp_path):
    model = compared.head_model(column=column)
    (tmp_path / "head.onnx").write_bytes(model)
    for source in (model, tmp_path / "head.onnx", str(tmp_path / "head.onnx")):
        head = open_head(export_head(source, H, 1.0).model, D, 1.0)
        expected = compared.score(H, OTHERS)
        np.testing.assert_allclose(head.similarity(H, OTHERS), expected, atol=1e-6)


def test_a_head_that_has_our_names_is_taken_too(tmp_path):
    own = compared.own_head()
    head = open_head(export_head(own, H, 1.0).model, D, 1.0)
    np.testing.assert_allclose(head.similarity(H, OTHERS), compared.score(H, OTHERS), atol=1e-6)


def test_exports_are_reproducible(model):
    assert export_head(model, H, 2.0).model == export_head(model, H, 2.0).model


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (lambda: koch("linear"), "end the head in a sigmoid"),
        (above_one_for_itself, "to 1: end the head in a sigmoid"),
        (lambda: koch(units=2), r"gives \(None, 2\)"),
        (lambda: koch(between=lambda a, b: a - 2 * b), "whichever comes first"),
        (lambda: keras.Sequential([keras.Input((D,)), keras.layers.Dense(1)]), "two inputs"),
        (lambda: compared.head_model(squashed=False), "end the head in a sigmoid"),
        (lambda: compared.head_model(symmetric=False), "whichever comes first"),
        (lambda: tiny.decoder_model().SerializeToString(), "the ONNX model maps"),
        (lambda: b"PK\x03\x04", "zip archive"),
    ],
)
def test_what_is_no_head_is_refused_in_a_sentence(head, words):
    with pytest.raises(ModelShapeError, match=words):
        export_head(head(), H, 1.0)
