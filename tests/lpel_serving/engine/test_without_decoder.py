"""A bundle without a decoder, by every door: it explains as ever, and draws no images."""

import json
from dataclasses import replace

import httpx
import pytest
from PIL import Image

from lpel_serving import Explainer, document, find_method
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.bundle.card import card
from lpel_serving.bundle.manifest import MANIFEST_FILE, ThresholdRecord
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.engine.inventory import take_inventory
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.methods.catalogue.description import networks_in
from lpel_serving.report.array_file import arrays
from lpel_serving.report.figures import pair_figure
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import BundleError, ParameterError
from lpel_serving.support.image_shape import ImageShape, square
from support import tiny
from support.batch import make_job, pair_up, run_here, write_csv, write_pictures
from support.batch_rows import rows_of
from support.command import lpel, refused
from support.images import pixels, write_people
from support.service import started

PAIR = (pixels(0), pixels(1))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("without")


@pytest.fixture(scope="module")
def folder(home):
    threshold = ThresholdRecord(0.95, {})
    return tiny.write_bundle(home / "bundle", responds=True, decodes=False, threshold=threshold)


@pytest.fixture(scope="module")
def whole(home):
    return Explainer.load(
        tiny.write_bundle(home / "whole", responds=True, threshold=ThresholdRecord(0.95, {}))
    )


@pytest.fixture(scope="module")
def explainer(folder):
    return Explainer.load(folder)


def test_the_manifest_says_so_and_is_of_the_second_schema(folder, explainer):
    written = json.loads((folder / MANIFEST_FILE).read_text())
    assert written["schema"] == 2
    assert "decoder" not in written
    manifest = explainer.manifest
    assert parse_manifest(manifest.to_json()) == manifest
    assert networks_in(manifest) == {"images", "responses"}
    assert manifest.training is manifest.responses.training


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [
        (square(16), square(16)),
        (square(160), square(40)),
        (ImageShape(28, 28, 1), ImageShape(28, 28, 1)),
        (ImageShape(60, 240, 3), ImageShape(10, 40, 3)),
    ],
)
def test_superpixels_are_measured_on_what_a_decoder_would_draw(shape, drawn, explainer):
    manifest = explainer.manifest
    assert replace(manifest, embedder=replace(manifest.embedder, shape=shape)).drawn == drawn


@pytest.mark.parametrize(
    ("schema", "lacking", "words"),
    [
        (2, ("decoder", "responses"), "neither a decoder nor responses"),
        (1, ("decoder",), "manifest.decoder"),
    ],
)
def test_a_manifest_that_lacks_more_is_refused(schema, lacking, words, explainer):
    fields = json.loads(explainer.manifest.to_json()) | {"schema": schema}
    for name in lacking:
        fields.pop(name, None)
    with pytest.raises(BundleError, match=words):
        parse_manifest(json.dumps(fields))


def test_a_decoder_that_is_listed_and_not_told_of_is_refused(tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle", responds=True, decodes=True)
    fields = json.loads((folder / MANIFEST_FILE).read_text()) | {"schema": 2}
    del fields["decoder"]
    (folder / MANIFEST_FILE).write_text(json.dumps(fields))
    with pytest.raises(BundleError, match=r"lists decoder\.onnx, and says of no decoder"):
        Explainer.load(folder)


def test_what_explains_is_the_same_and_no_image_is_drawn(explainer, whole):
    pair, other = explainer.explain(*PAIR), whole.explain(*PAIR)
    assert pair.forward.heat_map.tobytes() == other.forward.heat_map.tobytes()
    assert pair.swapped.mask.tobytes() == other.swapped.mask.tobytes()
    assert pair.similarity == other.similarity
    assert pair.forward.reconstruction is pair.swapped.reconstruction is None
    assert set(arrays(other)) - set(arrays(pair)) == {
        "test_reconstruction",
        "reference_reconstruction",
    }


def test_its_document_leaves_the_reconstruction_error_open(explainer, whole):
    said, other = (document(one.explain(*PAIR)) for one in (explainer, whole))
    for role in ("reference", "test"):
        assert said["explanations"][role].pop("reconstruction_mse") is None
        assert other["explanations"][role].pop("reconstruction_mse") > 0
        assert said["explanations"][role] == other["explanations"][role]


def test_its_figure_has_no_columns_of_reconstructions(explainer, whole):
    def titles(one):
        return [
            axes.get_title() for axes in pair_figure(one.explain(*PAIR)).axes if axes.get_title()
        ]

    assert titles(explainer) == ["Explained", "Compared with", "Explained\nhighlighted", "Heat-map"]
    assert len(titles(whole)) == 6


@pytest.mark.parametrize("name", ["lpel", "lpel-mended"])
def test_methods_that_need_one_say_so(name, explainer):
    with pytest.raises(ParameterError, match="there is no decoder"):
        explainer.explain(*PAIR, method=find_method(name))
    entry = next(one for one in take_inventory(explainer) if one.name == name)
    assert entry.decisions == ()
    assert "there is no decoder" in entry.reason


@pytest.mark.parametrize("name", ["coalitions", "occlusion", "hybrid"])
def test_methods_that_embed_images_explain_as_ever(name, explainer, whole):
    maps = [
        one.explain(*PAIR, method=find_method(name)).forward.heat_map for one in (explainer, whole)
    ]
    assert maps[0].tobytes() == maps[1].tobytes()


def test_its_card_does_not_warn_of_pictures_from_embeddings(explainer, whole):
    said, other = ("\n".join(card(one.manifest)) for one in (explainer, whole))
    assert "decoder: none" in said
    assert "turns embeddings into pictures" in other
    assert "turns embeddings into pictures" not in said


def test_it_passes_every_check(folder):
    checks = {one.name: one.passed for one in check_bundle(folder)}
    assert all(checks.values())
    assert "responses" in checks
    assert "decoder" not in checks


def test_the_service_and_its_models(folder, tmp_path):
    files = []
    for name, image in zip(("reference", "test"), PAIR, strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        files.append((name, (f"{name}.png", (tmp_path / f"{name}.png").read_bytes())))
    with (
        started(Settings(folder)) as running,
        httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=60) as client,
    ):
        assert client.get("/v1/about").json()["reconstruction_shape"] is None
        asked = {"include": "heat_map,reconstruction,crop", "arrays": "base64"}
        answer = client.post("/v1/explain", files=files, data=asked)
        assert answer.status_code == 200, answer.text
        of_test = answer.json()["explanations"]["test"]
        assert of_test["heat_map"]
        assert of_test["reconstruction_mse"] is None
        assert of_test.get("reconstruction") is None
        curve = client.post("/v1/assess", files=files, data={"draws": 2})
        assert curve.status_code == 200, curve.text
        assert client.get("/v2/models/decoder").status_code == 404
        model = client.get("/v2/models/explainer").json()
        assert not [one["name"] for one in model["outputs"] if "reconstruction" in one["name"]]
        crops = [
            {
                "name": name,
                "datatype": "UINT8",
                "shape": [1, *image.shape],
                "data": [image.tolist()],
            }
            for name, image in zip(("reference", "test"), PAIR, strict=True)
        ]
        inferred = client.post("/v2/models/explainer/infer", json={"inputs": crops})
        assert inferred.status_code == 200, inferred.text
        names = [one["name"] for one in inferred.json()["outputs"]]
        assert names == [one["name"] for one in model["outputs"]]


def test_a_batch_job_with_curves(folder, tmp_path):
    pictures = write_pictures(tmp_path / "pictures")
    pairs = write_csv(pictures[0].with_name("pairs.csv"), pair_up(pictures, 4))
    settings = BatchSettings("responses", curves=True, draws=2)
    run_here(make_job(folder, pairs, tmp_path / "out", settings=settings))
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 4
    assert all(row["curve_area"] is not None for row in rows)


def test_the_commands(folder, tmp_path):
    people = write_people(tmp_path / "people", 10, 5)
    a, b = sorted(people.glob("*/*"))[:2]
    done = lpel("explain", "--bundle", folder, a, b, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".png", ".npz", ".json"}
    refused(lpel("explain", "--bundle", folder, a, b, "--method", "lpel"), "there is no decoder")
    asked = ("--bundle", folder, "--faces", people, "--n", 4, "--superpixel", 2)
    assessed = lpel("assess", *asked, "--out", tmp_path / "assessed", "--json")
    assert assessed.returncode == 0, assessed.stderr
    calibrated = lpel("calibrate", "--bundle", folder, "--faces", people, "--n", 100)
    assert calibrated.returncode == 0, calibrated.stderr
    found = json.loads(assessed.stdout)["curves"]["similar"]["comparisons"]
    beside = {one["against"] for one in found}
    assert beside == set(CONTROLS) - {"constant relevance"}
