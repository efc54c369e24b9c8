"""The way of a response decoder into a bundle, with the tiny network."""

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from lpel_export.explainer import build_explainer
from lpel_export.support.errors import ParityError
from lpel_serving import Explainer
from lpel_serving.bundle.card import card
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.support.errors import ParameterError
from lpel_tf.bundles import response_bundling
from lpel_tf.bundles.bundling import train_bundle
from lpel_tf.bundles.checkpoints import response_checkpoint
from lpel_tf.bundles.response_bundling import FinishedResponses, ResponsePlan, export_responses
from lpel_tf.commands.trained_words import trained_in_words
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import split_by_identity
from lpel_tf.decoders.response_decoder import ResponseDecoder
from lpel_tf.decoders.response_table import TableSettings, measure_table
from lpel_tf.decoders.response_training import ResponseRecipe
from lpel_tf.decoders.training import Recipe
from support import one_file, reproduction, tiny
from support.folders import names_in
from support.subjects import of_faces as about_faces

PEOPLE, EACH, SIDE = 12, 5, 4
RECIPE = Recipe(epochs=2, seed=1)
PLAN = ResponsePlan(
    TableSettings(side=SIDE, coalitions=4),
    ResponseRecipe(epochs=6, batch_size=16, learning_rate=0.01, patience=6),
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundling") / "faces"
    return tuple(list_faces(reproduction.write_faces(folder, PEOPLE, EACH)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def bundle(faces, out, cache, responses=PLAN, length=1, **more):
    options = {"decoder": "solved", "split": "identity"} | more
    return train_bundle(
        reproduction.embedder(length),
        faces,
        out,
        crop="none",
        recipe=RECIPE,
        cache=cache,
        responses=responses,
        **options,
    )


@pytest.fixture(scope="module")
def made(faces, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "bundle"
    return bundle(faces, out, cache), out


def test_the_bundle_has_a_response_decoder_that_is_verified_and_explains(made, faces):
    manifest, out = made
    assert names_in(out) == ["decoder.onnx", "embedder.onnx", "manifest.json", "responses.onnx"]
    assert set(manifest.files) == {"decoder.onnx", "embedder.onnx", "responses.onnx"}
    assert manifest.responses.side == SIDE
    explainer = Explainer.load(out)
    assert explainer.default_method == Responses()
    pair = explainer.explain(faces[0].path, faces[-1].path)
    assert np.isfinite(pair.forward.heat_map).all()
    assert pair.forward.heat_map.std() > 0


def test_the_image_decoder_is_the_same_with_and_without_responses(made, faces, cache, tmp_path):
    manifest = bundle(faces, tmp_path / "plain", cache, responses=None)
    assert names_in(tmp_path / "plain") == ["decoder.onnx", "embedder.onnx", "manifest.json"]
    assert manifest.responses is None
    assert set(manifest.parity) == {"embedder", "decoder"}
    decoder = (tmp_path / "plain" / "decoder.onnx").read_bytes()
    assert decoder == (made[1] / "decoder.onnx").read_bytes()
    assert manifest.threshold == made[0].threshold
    assert Explainer.load(tmp_path / "plain").default_method == Lpel()


def test_without_a_decoder_the_responses_are_the_same_and_no_image_is_kept(made, faces, tmp_path):
    manifest = bundle(faces, tmp_path / "bare", tmp_path / "cache", decoder=None)
    assert names_in(tmp_path / "bare") == ["embedder.onnx", "manifest.json", "responses.onnx"]
    assert load_bundle(tmp_path / "bare").manifest.to_json() == manifest.to_json()
    responses = (tmp_path / "bare" / "responses.onnx").read_bytes()
    assert responses == (made[1] / "responses.onnx").read_bytes()
    assert (manifest.decoder, manifest.threshold) == (None, made[0].threshold)
    assert set(manifest.parity) == {"embedder", "responses"}
    left_out = {name: manifest.training[name] for name in left_out_of(made[0])}
    assert left_out == left_out_of(made[0])
    said = trained_in_words(manifest, Path("bundle"))
    assert "The response decoder predicts" in said
    assert "Test loss" not in said
    for path in (tmp_path / "cache").rglob("*.sqlite"):
        with closing(sqlite3.connect(path)) as database:
            schema = " ".join(
                str(row[0]) for row in database.execute("SELECT sql FROM sqlite_master")
            )
        assert "target" not in schema


def left_out_of(manifest):
    training = manifest.decoder.training
    return {name: training[name] for name in training if name.startswith("photographs_")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decoder": None, "responses": None}, "something else has to explain"),
        ({"decoder": None, "image_size": 8}, "there is to be no decoder; received 8"),
        ({"decoder": "none"}, "'trained' or 'solved', or None"),
    ],
)
def test_a_decoder_that_is_none_is_refused_before_any_work(options, words, faces, tmp_path):
    with pytest.raises(ParameterError, match=words):
        bundle(faces, tmp_path / "out", tmp_path / "cache", **options)
    assert names_in(tmp_path) == []


def test_a_bundle_of_another_subject_is_described_in_its_words(made, faces, cache, tmp_path):
    manifest = bundle(faces, tmp_path / "digits", cache, subject=SUBJECTS["digits"])
    assert load_bundle(tmp_path / "digits").manifest == manifest
    of_faces = made[0]
    assert (manifest.subject, of_faces.subject) == (SUBJECTS["digits"], SUBJECTS["faces"])
    assert (manifest.schema, of_faces.schema) == (2, 1)
    assert manifest.decoder.training["classes"] == of_faces.decoder.training["people"]
    assert manifest.threshold.value == of_faces.threshold.value
    said = [*card(manifest), trained_in_words(manifest, Path("bundle"))]
    assert [found for text in said for found in about_faces(text)] == []
    assert about_faces(trained_in_words(of_faces, Path("bundle")))


@pytest.mark.parametrize("length", [1e-3, 297])
def test_the_bundle_of_a_longer_embedder_explains_alike(made, faces, tmp_path, length):
    """Neither the thesis's decoder, nor responses, nor the threshold depend on the length."""
    manifest = bundle(faces, tmp_path / "other", tmp_path / "cache", length=length)
    assert manifest.threshold.value == pytest.approx(made[0].threshold.value, abs=1e-4)
    losses = [m.decoder.training["test_loss"] for m in (manifest, made[0])]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    before, after = (Explainer.load(out) for out in (made[1], tmp_path / "other"))
    # A photograph of the same person, and one of another.
    pairs = [(faces[0].path, faces[1].path), (faces[0].path, faces[-1].path)]
    assert len({one.similar for one in before.explain_pairs(pairs)}) == 2
    for method in ("responses", "hybrid", "lpel", "lpel-mended"):
        chosen = find_method(method)
        expected = before.explain_pairs(pairs, method=chosen)
        for one, other in zip(after.explain_pairs(pairs, method=chosen), expected, strict=True):
            assert one.similar == other.similar
            for way in ("forward", "swapped"):
                maps = [getattr(pair, way).normalised_heat_map for pair in (one, other)]
                np.testing.assert_allclose(*maps, atol=0.01, err_msg=method)


@pytest.fixture(scope="module")
def everyone(faces, tmp_path_factory):
    """The table, measured once more into a store of its own."""
    exported = reproduction.embedder()
    engine = Embedder(exported.model, exported.record, CentreCrop())
    path = tmp_path_factory.mktemp("table") / "table.sqlite"
    return measure_table(engine, faces, PLAN.table, path)


@pytest.fixture(scope="module")
def sides(everyone):
    """Whose photographs are for what, by the image decoder's own split."""
    nothing = np.empty((len(everyone), 0))
    faces = FaceSet(nothing, nothing, everyone.identities)
    split = split_by_identity(faces, np.random.default_rng(RECIPE.seed))
    return {
        name: everyone.select(np.isin(everyone.identities, side.identities))
        for name, side in (
            ("train", split.train),
            ("validation", split.validation),
            ("test", split.test),
        )
    }


def test_the_manifest_says_how_it_was_trained_and_how_good_it_is(made, sides):
    manifest, out = made
    reported = manifest.responses.training
    read = json.loads((out / "manifest.json").read_text())["responses"]
    assert read == {"side": SIDE, "training": json.loads(json.dumps(reported))}
    assert reported["table"]["side"] == SIDE
    assert reported["table"]["coalitions"] == 4
    assert reported["recipe"]["learning_rate"] == 0.01
    assert reported["photographs"] == {name: len(table) for name, table in sides.items()}
    assert reported["photographs"] == manifest.decoder.training["photographs"]
    assert reported["people"] == {"train": 10, "validation": 1, "test": 1}
    assert len(reported["history"]) == 6
    assert reported["test_loss"]["vectors"] < 1, "it must predict more than nothing"


def test_the_test_loss_is_that_of_people_of_neither_other_side(made, sides):
    explainer = Explainer.load(made[1])
    missed, all_of_it = 0.0, 0.0
    test = sides["test"]
    for h, coalitions, losses in zip(test.embeddings, test.coalitions, test.losses, strict=True):
        responses = explainer.respond(h[np.newaxis])[0]
        gap = losses.astype(np.float64) - coalitions @ responses
        missed += np.square(gap).sum()
        all_of_it += np.square(losses.astype(np.float64)).sum()
    reported = made[0].responses.training["test_loss"]["vectors"]
    assert reported == pytest.approx(missed / all_of_it, rel=1e-3)


def test_nothing_is_embedded_twice_for_another_training_of_the_same_table(
    made, faces, cache, tmp_path
):
    stores = {path: path.read_bytes() for path in (cache / "embeddings").iterdir()}
    assert len(stores) == 2
    again = bundle(faces, tmp_path / "again", cache)
    assert {path: path.read_bytes() for path in (cache / "embeddings").iterdir()} == stores
    assert again == made[0]
    given = (tmp_path / "again" / "responses.onnx").read_bytes()
    assert given == (made[1] / "responses.onnx").read_bytes()


def test_another_table_has_a_file_of_its_own(made, faces, tmp_path):
    for table in (PLAN.table, TableSettings(side=SIDE, coalitions=3)):
        bundle(faces, tmp_path / "out", tmp_path / "cache", ResponsePlan(table, PLAN.recipe))
    assert len(names_in(tmp_path / "cache" / "embeddings")) == 3


def interrupting(what, after):
    """A progress that is interrupted in one part of the work, once so much of it is done."""

    @contextmanager
    def progress(doing, total):
        done = 0

        def advance(more):
            nonlocal done
            done += more
            if what in doing and done >= after:
                raise KeyboardInterrupt

        yield advance

    return progress


@pytest.mark.parametrize(
    ("what", "after", "left"),
    [
        ("replacing superpixels", 32, ["cache"]),
        ("training the response decoder", 1, [".training-responses.npz", "cache"]),
        ("training the response decoder", 4, [".training-responses.npz", "cache"]),
    ],
)
def test_an_interrupted_bundling_goes_on_to_the_same_bytes(
    what, after, left, made, faces, tmp_path
):
    checkpoint, cache, out = tmp_path / ".training.npz", tmp_path / "cache", tmp_path / "bundle"
    with pytest.raises(KeyboardInterrupt):
        bundle(faces, out, cache, checkpoint=checkpoint, progress=interrupting(what, after))
    assert names_in(tmp_path) == left
    manifest = bundle(faces, out, cache, checkpoint=checkpoint)
    assert manifest == made[0]
    for name in manifest.files:
        assert (out / name).read_bytes() == (made[1] / name).read_bytes()


def test_the_two_checkpoints_lie_side_by_side(tmp_path):
    beside = response_checkpoint(tmp_path / ".bundle.training.npz")
    assert beside == tmp_path / ".bundle.training-responses.npz"


def test_the_table_is_nobody_elses_to_read_and_holds_no_names(made, faces, cache):
    for path in (cache / "embeddings").iterdir():
        assert path.stat().st_mode & 0o077 == 0
        content = path.read_bytes()
        assert reproduction.FOLDER.encode() not in content
        assert os.fsencode(faces[0].path.parent.parent) not in content


# --- the export -----------------------------------------------------------------------------------


def decoder(rank=tiny.DIMENSION):
    rng = np.random.default_rng(3)
    k, d = SIDE**2, tiny.DIMENSION
    shapes = (k,), (d, rank), (rank, k, d), (k, d)
    return ResponseDecoder(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


@pytest.mark.parametrize("rank", [1, 2, tiny.DIMENSION])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_an_exported_decoder_responds_as_the_numpy_one(count, rank, tmp_path):
    finished = FinishedResponses(decoder(rank), {"method": "made up"})
    examples = np.random.default_rng(4).normal(size=(count, 6)).astype(np.float32)
    model, parity = export_responses(finished, "tiny", examples)
    assert model.record.side == SIDE
    assert model.record.training == {"method": "made up"}
    assert parity.max_difference <= parity.tolerance == 1e-5
    assert parity.samples >= 2
    folder = tiny.write_bundle(tmp_path / "bundle", responses=model.model)
    given = Explainer.load(folder).respond(examples)
    np.testing.assert_allclose(given, decoder(rank)(examples), atol=1e-5)


def test_in_one_file_one_of_low_rank_gives_what_the_engine_gives(tmp_path):
    examples = np.random.default_rng(4).normal(size=(4, 6)).astype(np.float32)
    model, _ = export_responses(FinishedResponses(decoder(2), {}), "tiny", examples)
    folder = tiny.write_bundle(tmp_path / "bundle", responses=model.model)
    explainer = Explainer.load(folder)
    references, tests = one_file.faces()
    found = one_file.run(
        build_explainer(load_bundle(folder), "responses"), reference=references, test=tests
    )
    for i in range(len(tests)):
        given = one_file.by_engine(explainer, references[i], tests[i], "responses")
        for name, value in given.items():
            assert found[name][i].tobytes() == value.tobytes(), name


def test_an_export_that_differs_from_keras_is_refused(monkeypatch):
    finished = FinishedResponses(decoder(), {})
    examples = np.ones((2, tiny.DIMENSION), np.float32)
    right = response_bundling.export_responder

    def wrong(model, metadata):
        exported = right(model, metadata)
        model.get_layer("superpixels").set_weights(
            [weights + 0.01 for weights in model.get_layer("superpixels").get_weights()]
        )
        return exported

    monkeypatch.setattr(response_bundling, "export_responder", wrong)
    with pytest.raises(ParityError):
        export_responses(finished, "tiny", examples)
