"""Bundles trained for networks that compare by distance, or by a learned head."""

from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest

from lpel_export.support.errors import ModelShapeError
from lpel_serving import Explainer, document, find_method
from lpel_serving.equations.comparison import spread_of
from lpel_serving.images.crops import CentreCrop, WholeImage, parse_crop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.support.errors import OutputError, PairsError, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf.bundles.bundling import train_bundle
from lpel_tf.bundles.comparing import compare_by
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.store_names import fingerprint
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.decoders.response_table import TableSettings
from lpel_tf.decoders.response_training import ResponseRecipe
from lpel_tf.decoders.training import Recipe
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import reproduction, tiny, tiny_layers
from support.compared import head_model

SIDE = 4
SURROGATE = SurrogatePlan(
    SurrogateTableSettings(side=SIDE, coalitions=16),
    SurrogateRecipe(channels=6, reduced_on=20, token=8, state=12, dense=8, epochs=3, batch_size=32),
)
RESPONSES = ResponsePlan(
    TableSettings(side=SIDE, coalitions=8), ResponseRecipe(epochs=6, batch_size=32)
)


def head():
    h_r, h_t = keras.Input((tiny.DIMENSION,)), keras.Input((tiny.DIMENSION,))
    apart = keras.ops.abs(h_r - h_t)
    dense = keras.layers.Dense(
        1,
        "sigmoid",
        kernel_initializer=keras.initializers.Constant(-0.5),
        bias_initializer=keras.initializers.Constant(1),
    )
    return keras.Model([h_r, h_t], dense(apart))


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparing") / "faces"
    return tuple(list_faces(reproduction.write_faces(folder, 12, 4)))


@pytest.mark.parametrize("kind", ["euclidean", "head"])
def test_a_bundle_is_trained_on_what_its_network_compares(kind, faces, tmp_path):
    manifest = train_bundle(
        tiny_layers.embedder(),
        faces,
        tmp_path / "bundle",
        crop="none",
        recipe=Recipe(epochs=1, seed=1),
        decoder="solved" if kind == "head" else None,
        cache=tmp_path / "cache",
        comparison=kind if kind == "euclidean" else head(),
        threshold=0.5,
        responses=RESPONSES if kind == "euclidean" else None,
        surrogate=SURROGATE if kind == "euclidean" else None,
    )
    assert manifest.comparison.kind == kind
    assert manifest.comparison.own_of(manifest.threshold.value) == pytest.approx(0.5)
    assert "head" in manifest.parity or kind != "head"
    names = ["coalitions", "lpel"] if kind == "head" else ["coalitions"]
    if kind == "euclidean":
        unexplained = manifest.surrogate.training["unexplained"]
        assert unexplained["surrogate"]["all"]["vectors"] < 1
        assert unexplained["responses"]["all"]["vectors"] < 1
        assert manifest.responses.training["test_loss"]["vectors"] < 1
        names += ["surrogate", "surrogate-order", "responses", "hybrid"]
    explainer = Explainer.load(tmp_path / "bundle")
    for name in names:
        pair = explainer.explain(faces[0].path, faces[1].path, method=find_method(name))
        assert np.isfinite(pair.forward.heat_map).all()
        assert document(pair)["comparison"]["kind"] == kind


def test_scales_are_told_apart_in_the_cache(faces):
    h = np.random.default_rng(0).normal(size=(30, tiny.DIMENSION)).astype(np.float32)
    by_distance, by_head = compare_by("euclidean", h), compare_by(head(), h)
    assert compare_by("cosine", h).key == ""
    assert by_distance.key == by_head.key != compare_by("euclidean", 2 * h).key
    assert by_distance.record.spread == spread_of(h)


def test_crops_of_one_name_have_their_own_embeddings():
    shape, known = square(16), WholeImage()
    shift = lambda by: lambda pixels, shape: np.roll(known(pixels[:99, :99], shape), by, 0)  # noqa: E731
    one, again, other = (fingerprint(shift(by), shape) for by in (1, 1, 2))
    assert one == again != other
    assert fingerprint(CentreCrop(0.5), shape) == fingerprint(parse_crop("mtcnn"), shape) == ""
    refusing = fingerprint(lambda pixels, shape: 1 / 0, shape)
    assert refusing != fingerprint(lambda pixels, shape: 1 / 0, shape)


@pytest.mark.parametrize(
    ("wanted", "threshold", "words"),
    [
        ("cosine", 1.5, "lies in"),
        ("euclidean", -1, "lies in"),
        ("head.onnx", None, "no file"),
        ("head.keras", None, "no file"),
        (Path("head.txt"), None, r"a file of one, \.onnx, \.keras, \.h5"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_embedded(wanted, threshold, words, faces):
    with pytest.raises(ParameterError, match=words):
        train_bundle(
            None,  # it is not even looked at
            faces,
            "nowhere",
            crop="none",
            recipe=Recipe(),
            comparison=wanted,
            threshold=threshold,
        )


def test_a_file_that_holds_no_keras_model_is_refused_before_anything_is_embedded(faces, tmp_path):
    path = tmp_path / "head.keras"
    path.write_bytes(b"nothing of Keras")
    options = {"crop": "none", "recipe": Recipe(), "comparison": str(path)}
    with pytest.raises(ModelShapeError, match=r"Keras cannot load head\.keras in its safe mode"):
        train_bundle(None, faces, tmp_path / "out", **options)  # no network is looked at


def test_too_few_pairs_for_a_threshold_are_refused_before_the_long_training(faces, tmp_path):
    few = [face for face in faces if face.identity in sorted({f.identity for f in faces})[:4]]
    begun = []

    @contextmanager
    def progress(what, total):
        begun.append(what)
        yield lambda more: None

    with pytest.raises(PairsError, match=r"classes held out give 24 pairs; 100 .* by euclidean"):
        train_bundle(
            tiny_layers.embedder(),
            few,
            tmp_path / "bundle",
            crop="none",
            recipe=Recipe(),
            split="identity",
            cache=tmp_path / "cache",
            comparison="euclidean",
            responses=RESPONSES,
            subject=SUBJECTS["digits"],
            progress=progress,
        )
    assert not [what for what in begun if "training" in what or "replacing" in what]
    assert begun


@pytest.mark.parametrize(
    ("plans", "words"),
    [
        ({"responses": ResponsePlan(TableSettings(side=17))}, "has no grid of 17 superpixels"),
        ({"surrogate": SurrogatePlan(layers=("nonsense",))}, "nonsense"),
    ],
)
def test_plans_that_do_not_fit_the_network_are_refused_before_anything_is_embedded(
    plans, words, faces, tmp_path
):
    options = {"crop": "none", "recipe": Recipe(), "cache": tmp_path / "cache"}
    with pytest.raises(ParameterError, match=words):
        train_bundle(tiny_layers.embedder(), faces, tmp_path / "bundle", **options, **plans)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_refused_before_anything_is_embedded(faces, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="other things than a bundle"):
        train_bundle(None, faces, tmp_path, crop="none", recipe=Recipe())


@pytest.mark.parametrize("shape", [(7,), (8, 8, 3)])
def test_a_head_of_another_network_is_refused_before_anything_is_embedded(shape, faces, tmp_path):
    given = [keras.Input(shape), keras.Input(shape)]
    apart = keras.layers.Flatten()(keras.ops.abs(given[0] - given[1]))
    other = keras.Model(given, keras.layers.Dense(1, "sigmoid")(apart))
    options = {"crop": "none", "recipe": Recipe(), "cache": tmp_path / "cache"}
    with pytest.raises(ParameterError, match=r"the head takes .* gives embeddings of 6 features"):
        train_bundle(tiny_layers.embedder(), faces, tmp_path / "out", comparison=other, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wanted", ["manhattan", "Cosine", ""])
def test_an_unknown_comparison_is_refused(wanted):
    with pytest.raises(ParameterError, match="cosine, euclidean, or a learned head"):
        compare_by(wanted, np.eye(3, dtype=np.float32))


def test_one_embedding_for_every_photograph_is_refused():
    with pytest.raises(TrainingDataError, match="same embedding"):
        compare_by("euclidean", np.ones((5, 3), np.float32))


def test_a_comparison_is_known_by_all_that_makes_it_and_a_cosine_by_nothing():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(20, tiny.DIMENSION)).astype(np.float32)
    made = [("cosine", h), ("euclidean", h), ("euclidean", 2 * h), (head_model(), h)]
    hashes = [compare_by(wanted, embeddings).sha256 for wanted, embeddings in made]
    assert hashes[0] == ""
    assert len(set(hashes)) == len(made)
    assert compare_by("euclidean", h).sha256 == hashes[1]
