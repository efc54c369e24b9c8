"""From a network of grey rectangles to explanations, by every door, with a tiny random network."""

import base64
import io
import json

import keras
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.batch.results import open_results
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.figures.canvas import png
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import ImageError, ParameterError
from lpel_serving.support.image_shape import ImageShape, square
from lpel_tf import from_keras, train_bundle
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.decoders.response_table import TableSettings
from lpel_tf.decoders.response_training import ResponseRecipe
from lpel_tf.decoders.training import Recipe
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support.batch import make_job, run_here, write_csv
from support.clients import about_pair, ask, get, photograph
from support.service import started

SHAPE = ImageShape(12, 20, 1)
WRITERS, EACH, DIMENSION, SIDE = 8, 4, 6, 4
METHODS = ("lpel", "responses", "surrogate")
"""Those that a file of one graph can explain by."""


def write_signatures(folder):
    """Pictures in the network's proportions, one of them larger and grey, of each writer's own."""
    rng = np.random.default_rng(0)
    for writer in range(WRITERS):
        home = folder / f"writer {writer}"
        home.mkdir(parents=True)
        stroke = rng.integers(0, 256, SHAPE[:2])
        for number in range(EACH):
            noisy = np.clip(stroke + rng.integers(-30, 31, SHAPE[:2]), 0, 255).astype(np.uint8)
            picture = Image.fromarray(noisy)
            picture = picture.convert("RGB") if number else picture.resize((40, 24))
            picture.save(home / f"{number}.png")
    return folder


def network():
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(8, 3, activation="relu", padding="same"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(DIMENSION),
        ],
        name="signatures",
    )


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return write_signatures(tmp_path_factory.mktemp("signatures"))


@pytest.fixture(scope="module")
def bundle(photographs, tmp_path_factory):
    signatures = tuple(list_faces(photographs))
    crops = example_crops(signatures, "none", SHAPE)
    embedder = from_keras(network(), name="signatures", standardisation="unit", faces=crops)
    sizes = {"channels": 4, "token": 8, "state": 8, "dense": 8, "reduced_on": 10}
    recipe = SurrogateRecipe(**sizes, epochs=2, batch_size=16, patience=2)
    out = tmp_path_factory.mktemp("made") / "bundle"
    train_bundle(
        embedder,
        signatures,
        out,
        crop="none",
        recipe=Recipe(epochs=1),
        decoder="solved",
        cache=tmp_path_factory.mktemp("cache"),
        responses=ResponsePlan(TableSettings(side=SIDE, coalitions=4), ResponseRecipe(epochs=2)),
        surrogate=SurrogatePlan(SurrogateTableSettings(side=SIDE, coalitions=8), recipe),
    )
    return out


@pytest.fixture(scope="module")
def explainer(bundle):
    return Explainer.load(bundle)


@pytest.fixture(scope="module")
def pair(photographs):
    return photographs / "writer 0" / "0.png", photographs / "writer 1" / "1.png"


def test_the_manifest_has_the_shapes_and_is_of_the_second_schema(bundle):
    written = json.loads((bundle / "manifest.json").read_text())
    assert written["schema"] == 2
    for network in ("embedder", "decoder"):
        assert written[network]["image_shape"] == list(SHAPE)
        assert "image_size" not in written[network]
    failed = [one for one in check_bundle(bundle) if not one.passed]
    assert failed == []


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        ("lpel", (12, 20)),
        ("lpel-mended", (12, 20)),
        ("responses", (40, 40)),
        ("surrogate", (40, 40)),
        ("surrogate-order", (SIDE, SIDE)),
        ("coalitions", (40, 40)),
        ("hybrid", (SIDE, SIDE)),
        ("occlusion", (8, 8)),
        ("corrrise", (12, 20)),
        ("xface", (12, 20)),
        ("centre", (12, 20)),
    ],
)
def test_every_method_explains_it(explainer, pair, method, shape):
    few = {"coalitions": {"count": 8}, "corrrise": {"masks": 8}, "xface": {"stride": 40}}
    found = explainer.explain(*pair, method=find_method(method, **few.get(method, {})))
    for one in (found.forward, found.swapped):
        assert one.heat_map.shape == one.mask.shape == shape
        assert np.ptp(one.heat_map) > 0
        assert one.reconstruction.shape == SHAPE
    assert found.reference_crop.shape == SHAPE
    assert found.test_crop.tobytes() == np.asarray(Image.open(pair[1]).convert("L")).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_one_file_gives_the_engines_bytes(bundle, explainer, pair, method):
    model = build_explainer(load_bundle(bundle), method)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    wanted = explainer.explain(*pair, method=find_method(method))
    crops = {"reference": wanted.reference_crop, "test": wanted.test_crop}
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {role: crop[np.newaxis] for role, crop in crops.items()})
    found = dict(zip(names, values, strict=True))
    for role, one in (("test", wanted.forward), ("reference", wanted.swapped)):
        assert found[f"{role}_heat_map"][0].tobytes() == one.heat_map.tobytes()
        assert found[f"{role}_mask"][0].tobytes() == one.mask.tobytes()
        assert found[f"{role}_reconstruction"][0].tobytes() == one.reconstruction.tobytes()
    with pytest.raises(ParameterError, match=r"resizes square RGB crops.*20 by 12 pixels, grey"):
        build_explainer(load_bundle(bundle), method, any_size=True)


def test_a_batch_explains_it(bundle, photographs, explainer, pair, tmp_path):
    listed = write_csv(tmp_path / "pairs.csv", {"reference": [pair[0]], "test": [pair[1]]})
    settings = BatchSettings("lpel", curves=True, draws=2)
    run_here(make_job(bundle, listed, tmp_path / "out", settings=settings, crop="none"))
    row = open_results(tmp_path / "out").to_table().to_pylist()[0]
    wanted = explainer.explain(*pair, method=find_method("lpel"))
    assert row["similarity"] == np.float32(wanted.similarity)
    found = np.array(row["test_map"], np.float32).reshape(SHAPE[:2])
    np.testing.assert_array_equal(found, wanted.forward.heat_map)
    assert len(row["curve_own"]) > 2


def test_the_service_explains_it(bundle, explainer, pair):
    with started(Settings(bundle)) as running:
        files = [path.read_bytes() for path in pair]
        fields = {
            "method": "lpel",
            "include": "heat_map,reconstruction,crop,figure",
            "arrays": "base64",
        }
        answer = ask(running.port, about_pair("/v1/explain", *files, **fields))
        about = ask(running.port, get("/v1/about")).json
        assert ask(running.port, about_pair("/v1/assess", *files, method="lpel")).status == 200
        refused = ask(running.port, about_pair("/v1/explain", photograph(0), files[1]))
        padded = ask(running.port, about_pair("/v1/explain", photograph(0), files[1], crop="pad"))
    assert answer.status == 200, answer.body
    assert (about["image_shape"], about["reconstruction_shape"]) == ([12, 20, 1], [12, 20, 1])
    wanted = explainer.explain(*pair, method=find_method("lpel"))
    test = answer.json["explanations"]["test"]
    assert base64.b64decode(test["heat_map"]["base64"]) == wanted.forward.heat_map.tobytes()
    assert test["reconstruction"]["shape"] == [12, 20, 1]
    with Image.open(io.BytesIO(base64.b64decode(test["crop"]))) as crop:
        assert (crop.mode, crop.size) == ("L", (20, 12))
        assert crop.tobytes() == wanted.test_crop.tobytes()
    assert (refused.status, padded.status, padded.json["crop"]) == (422, 200, "pad")
    assert "cuts nothing off" in refused.json["detail"]


def test_figures_show_it_in_grey(explainer, pair):
    assert png(pair_figure(explainer.explain(*pair)))[:4] == b"\x89PNG"


def test_a_photograph_of_other_proportions_is_padded_or_stretched_or_refused(bundle, pair):
    wide = np.full((12, 30), 200, np.uint8)
    with pytest.raises(ImageError, match="cuts nothing off"):
        Explainer.load(bundle).explain(wide, pair[1])
    for crop in ("pad", "stretch", "1", lambda pixels, shape: pixels[:, : shape.width]):
        found = Explainer.load(bundle, crop=crop).explain(wide, wide)
        assert found.reference_crop.shape == SHAPE


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [
        ((160, 160, 3), None, (40, 40, 3)),
        ((28, 28, 1), None, (28, 28, 1)),
        ((240, 60, 3), None, (40, 10, 3)),
        ((12, 20, 1), None, SHAPE),
        ((12, 20, 1), 8, (8, 8, 1)),
        ((12, 20, 1), (6, 10), (6, 10, 1)),
    ],
)
def test_the_decoders_image_has_the_networks_shape_up_to_forty_a_side(own, asked, expected):
    assert decoder_shape(ImageShape(*own), asked) == expected


def test_a_decoder_has_the_networks_own_channels():
    with pytest.raises(ParameterError, match="leave the channels out"):
        decoder_shape(square(28), (28, 28, 1))
