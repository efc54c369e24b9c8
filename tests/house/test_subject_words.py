"""A bundle of digits never speaks of faces: whatever engine, commands, service and batch say."""

import json
import re
from pathlib import Path

import httpx
import onnx
import pytest

from lpel_export.deployment.triton import write_triton_repository
from lpel_serving import Explainer
from lpel_serving.batch.results import open_results
from lpel_serving.bundle.card import card, facts
from lpel_serving.bundle.loading import load_bundle, read_manifest
from lpel_serving.engine.inventory import take_inventory
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.report.document import decided_document, document
from lpel_serving.report.figures import pair_figure, reliability_figure
from lpel_serving.service.http.settings import Settings
from support.clients import as_png
from support.command import lpel
from support.images import pixels
from support.plausibility import odd
from support.service import started
from support.subjects import of_faces, write_classes, write_digits

PAIRS = {
    "similar": [(pixels(0), pixels(0)), (odd(), odd())],
    "dissimilar": [(pixels(0), pixels(1)), (pixels(0), odd())],
}
"""By decision; the second of each is implausible."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    return write_classes(tmp_path_factory.mktemp("given") / "classes", classes=10, each=5)


def of_engine(bundle: Path, pictures: Path) -> list[str]:
    del pictures
    explainer = Explainer.load(bundle)
    said = []
    for entry in take_inventory(explainer):
        for decision in entry.decisions:
            for reference, test in PAIRS[decision]:
                pair = explainer.explain(reference, test, method=find_method(entry.name))
                assert pair.decision.word == decision
                said += [json.dumps(document(pair)), json.dumps(decided_document(pair))]
    return said


def of_card(bundle: Path, pictures: Path) -> list[str]:
    del pictures
    manifest = read_manifest(bundle)
    return [*card(manifest), json.dumps(facts(manifest))]


def of_figures(bundle: Path, pictures: Path) -> list[str]:
    del pictures
    explainer = Explainer.load(bundle)
    pair = explainer.explain(*PAIRS["dissimilar"][0], method=find_method("lpel"))
    confidence = explainer.manifest.confidence
    drawn = [
        pair_figure(pair),
        reliability_figure(confidence.reliability, "", explainer.manifest.subject),
    ]
    return [
        text.get_text() for one in drawn for text in one.findobj(lambda it: hasattr(it, "get_text"))
    ]


def of_export(bundle: Path, pictures: Path) -> list[str]:
    model = (bundle / "explainer.onnx").read_bytes()
    said = [entry.value for entry in onnx.load_model_from_string(model).metadata_props]
    written = write_triton_repository(load_bundle(bundle), model, pictures.parent / "triton")
    return said + [path.read_text() for path in written if path.suffix == ".pbtxt"]


def of_commands(bundle: Path, pictures: Path) -> list[str]:
    one, other = sorted(pictures.glob("*/0.png"))[:2]
    whole, given = ("--bundle", bundle), ("--faces", pictures)
    curves = ("--superpixel", 2, "--n", 4, "--draws", 2, "--curve", "similar")
    done = [
        lpel("explain", one, other, *whole),
        lpel("explain", one, other, *whole, "--json"),
        lpel("bundle", "inspect", bundle),
        lpel("methods", *whole),
        lpel("methods", "responses", *whole),
        lpel("verify", *whole, *given, "--n", 60),
        lpel("calibrate", *whole, *given, "--n", 150),
        lpel("assess", *whole, *given, *curves, "--method", "lpel", "--keep"),
        lpel("explain", one, other, *whole),
        lpel("bundle", "inspect", bundle, "--json"),
    ]
    assert [one.stderr for one in done if one.returncode] == []
    return [text for one in done for text in (one.stdout, one.stderr)]


def of_service(bundle: Path, pictures: Path) -> list[str]:
    del pictures
    with (
        started(Settings(bundle)) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
    ):
        asked = ("/v1/about", "/v1/methods", "/openapi.json", "/metrics", "/v2/models/explainer")
        said = [client.get(path).raise_for_status().text for path in asked]
        said.append(re.sub(r"<[^>]+>", "\n", client.get("/").raise_for_status().text))
        said.append(client.get("/page/subject.js").text)
        for pair in (*PAIRS["similar"], *PAIRS["dissimilar"]):
            files = dict(zip(("reference", "test"), map(as_png, pair), strict=True))
            said += [
                client.post(path, files=files).raise_for_status().text
                for path in ("/v1/explain", "/v1/verify", "/v1/assess")
            ]
    return said


def of_batch(bundle: Path, pictures: Path) -> list[str]:
    one, other = sorted(pictures.glob("*/0.png"))[:2]
    listed, out = pictures.parent / "pairs.csv", pictures.parent / "out"
    listed.write_text(f"reference,test\n{one},{other}\n{one},{pictures.parent / 'none.png'}\n")
    done = lpel("batch", "run", listed, out, "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    table = open_results(out).to_table()
    columns = [name for name in table.column_names if "region" not in name and "face" not in name]
    assert columns == table.column_names
    rows = table.drop_columns(["reference_map", "test_map"]).to_pylist()
    return [done.stdout, done.stderr, str(table.schema.metadata), *map(str, rows)]


DOORS = (of_engine, of_card, of_figures, of_export, of_commands, of_service, of_batch)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_nothing_said_of_a_bundle_of_digits_is_about_faces(door, bundle, pictures):
    said = door(bundle, pictures)
    assert any("digit" in text or "similar" in text for text in said)
    assert [found for text in said for found in of_faces(text)] == []


def test_what_is_said_of_faces_is_found(responding_explainer):
    pair = responding_explainer.explain(pixels(0), pixels(1))
    assert of_faces(json.dumps(document(pair)))
