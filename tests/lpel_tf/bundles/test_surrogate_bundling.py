"""The way of a surrogate into a bundle, and of a shipped one, with a tiny network of two layers."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from lpel_export.local_features.patches import PATCHES
from lpel_serving import Explainer
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.similarity import unit
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.reading import read_pixels
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf import pretrained
from lpel_tf.bundles.bundling import train_bundle
from lpel_tf.bundles.checkpoints import surrogate_checkpoint
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.bundles.surrogate_export import export_finished_surrogate
from lpel_tf.decoders.response_table import TableSettings
from lpel_tf.decoders.response_training import ResponseRecipe
from lpel_tf.decoders.training import Recipe
from lpel_tf.support.errors import UnknownNetworkError
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import reproduction, tiny, tiny_layers
from support.folders import names_in
from support.trainings import interrupting

PEOPLE, EACH, SIDE, CHANNELS = 16, 5, 4, 9
PLAN = SurrogatePlan(
    SurrogateTableSettings(side=SIDE, coalitions=16),
    SurrogateRecipe(
        channels=CHANNELS,
        reduced_on=20,
        token=16,
        state=24,
        dense=16,
        epochs=20,
        batch_size=16,
        learning_rate=0.01,
        patience=20,
    ),
)
RESPONSES = ResponsePlan(
    TableSettings(side=SIDE, coalitions=4), ResponseRecipe(epochs=3, batch_size=16)
)
GRAPHS = ["simulation.onnx", "surrogate.onnx"]
FILES = ["decoder.onnx", "embedder.onnx", "manifest.json", "responses.onnx", *GRAPHS]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundling") / "faces"
    return tuple(list_faces(reproduction.write_faces(folder, PEOPLE, EACH)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def bundle(faces, out, cache, plan=PLAN, embedder=None, **more):
    return train_bundle(
        embedder or tiny_layers.embedder(),
        faces,
        out,
        crop="none",
        recipe=Recipe(epochs=2, seed=1),
        decoder="solved",
        cache=cache,
        responses=RESPONSES,
        surrogate=plan,
        **more,
    )


@pytest.fixture(scope="module")
def made(faces, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "bundle"
    return bundle(faces, out, cache), out


def test_the_bundle_has_a_surrogate_and_local_features(made, faces):
    manifest, out = made
    assert names_in(out) == FILES
    assert manifest.surrogate.side == SIDE
    assert manifest.surrogate.channels == CHANNELS
    assert manifest.surrogate.layers == tiny_layers.LAYERS
    assert manifest.surrogate.fills == ("normal", "mean", "blur", "transplant")
    explainer = Explainer.load(out)
    crops = np.stack([explainer.embedder.read(face.path) for face in faces[:3]])
    features = explainer.features(crops)
    assert features.local.shape == (3, SIDE**2, CHANNELS)
    np.testing.assert_array_equal(features.embeddings, explainer.embed(crops))
    drawn = np.random.default_rng(0).random((5, SIDE**2)) < 0.4
    drawn[0] = False
    for fill in manifest.surrogate.fills:
        donors = features[[1, 2, 0]] if fill == "transplant" else None
        found = explainer.simulate(features, fill, donors)(drawn)
        assert found.shape == (3, 5, tiny.DIMENSION)
        np.testing.assert_allclose(found[:, 0], unit(features.embeddings), atol=1e-6)
        assert np.abs(found[:, 1] - found[:, 0]).max() > 1e-3


def test_a_network_that_hides_its_layers_has_a_surrogate_of_patches(faces, cache, tmp_path):
    out, hidden = tmp_path / "hidden", reproduction.embedder()
    manifest = bundle(faces, out, cache, embedder=hidden)
    assert manifest.surrogate.layers == (PATCHES,)
    assert manifest.parity["local_features"]["max_difference"] >= 0
    explainer = Explainer.load(out)
    explained = explainer.explain(faces[0].path, faces[1].path)
    assert explained.method.method == SurrogateOrder()
    assert explained.forward.heat_map.shape == (SIDE, SIDE)
    assert np.ptp(explained.forward.heat_map) > 0


def test_the_manifest_says_how_good_it_is_beside_responses(made):
    manifest, out = made
    said = manifest.surrogate.training
    read = json.loads((out / "manifest.json").read_text())["surrogate"]["training"]
    assert read == json.loads(json.dumps(said))
    assert said["table"]["precision"] == "float32"
    assert said["photographs"] == manifest.decoder.training["photographs"]
    assert said["people"] == manifest.decoder.training["people"]
    shares = said["unexplained"]
    assert list(shares) == ["surrogate", "without_local_features", "responses"]
    for one in shares.values():
        assert list(one) == ["all", "small", "large", *manifest.surrogate.fills]
        assert all(set(pair) == {"vectors", "own"} for pair in one.values())
    assert shares["surrogate"]["all"]["vectors"] < 1, "it must predict more than nothing"
    assert len(said["history"]) == 20


def test_parity_is_checked_with_every_fill_at_two_batch_sizes(made):
    parity = made[0].parity
    assert set(parity) == {"embedder", "decoder", "responses", "surrogate", "local_features"}
    assert parity["surrogate"]["max_difference"] <= 1e-5
    assert parity["surrogate"]["batch_sizes"] == (1, 33)
    assert "each of 4 fills" in parity["surrogate"]["inputs"]


def test_all_else_is_as_without_a_surrogate(made, faces, cache, tmp_path):
    plain = bundle(faces, tmp_path / "plain", cache, plan=None)
    assert names_in(tmp_path / "plain") == [name for name in FILES if name not in GRAPHS]
    assert plain.surrogate is None
    for name in ("decoder.onnx", "responses.onnx"):
        assert (tmp_path / "plain" / name).read_bytes() == (made[1] / name).read_bytes()
    assert plain.threshold == made[0].threshold


def test_an_interrupted_training_goes_on_to_the_same_bundle(made, faces, cache, tmp_path):
    checkpoint = tmp_path / "training.npz"

    def progress(what, total):
        after = 7 if what == "training the surrogate (epochs)" else 10**9
        return interrupting(after)(what, total)

    with pytest.raises(KeyboardInterrupt):
        bundle(faces, tmp_path / "out", cache, checkpoint=checkpoint, progress=progress)
    assert surrogate_checkpoint(checkpoint).name == "training-surrogate.npz"
    assert surrogate_checkpoint(checkpoint).is_file()
    bundle(faces, tmp_path / "out", cache, checkpoint=checkpoint)
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (made[1] / name).read_bytes(), name


def test_layers_may_be_named(faces, cache, tmp_path):
    with pytest.raises(ParameterError, match="names no layer"):
        bundle(faces, tmp_path / "out", cache, SurrogatePlan(PLAN.table, PLAN.recipe, ("fifth",)))


@pytest.fixture
def shipped(made, tmp_path, monkeypatch):
    """A folder where the surrogate of the bundle is shipped."""
    path = Path(__file__).parents[3] / "scripts" / "ship_surrogate.py"
    spec = importlib.util.spec_from_file_location("ship_surrogate", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(str(made[1]), "lpel train", tmp_path)
    monkeypatch.setattr(pretrained, "files", lambda _: tmp_path)
    return tmp_path


def test_a_shipped_surrogate_gives_the_same_bytes(made, shipped, faces):
    manifest, out = made
    assert names_in(shipped) == ["tiny-surrogate.json", "tiny-surrogate.npz"]
    embedder = tiny_layers.embedder()
    finished = pretrained.load_pretrained_surrogate("tiny", embedder.model)
    assert finished.training["command"] == "lpel train"
    crops = np.stack(
        [CentreCrop()(read_pixels(face.path), square(tiny.IMAGE_SIZE)) for face in faces[:4]]
    )
    again = export_finished_surrogate(finished, embedder, crops)
    files = again.surrogate.graphs.files
    assert files == {name: (out / name).read_bytes() for name in GRAPHS}
    assert again.embedder == (out / "embedder.onnx").read_bytes()
    assert again.surrogate.record.layers == manifest.surrogate.layers
    features = Embedder(again.embedder, embedder.record, CentreCrop()).features(crops)
    assert features.local.shape == (4, SIDE**2, CHANNELS)


def test_a_shipped_surrogate_is_refused_for_layers_of_other_sizes(shipped):
    about = shipped / "tiny-surrogate.json"
    facts = json.loads(about.read_text())
    assert facts["layer_sizes"] == [[8, 4], [5, 8]]
    about.write_text(json.dumps(facts | {"layer_sizes": [[8, 4], [6, 8]]}))
    with pytest.raises(UnknownNetworkError, match="the rule chooses"):
        pretrained.load_pretrained_surrogate("tiny", tiny_layers.embedder().model)


def test_where_none_is_shipped_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "files", lambda _: tmp_path)
    assert pretrained.load_pretrained_surrogate("tiny", b"") is None
