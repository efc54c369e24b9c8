"""Every door of a bundle that compares by distance or by a head gives the engine's decision."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer, document, find_method
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.service.http.settings import Settings
from support import compared
from support.batch import make_job, pair_up, run_here, write_csv, write_pictures
from support.batch_rows import rows_of
from support.command import lpel
from support.images import pixels, write_people
from support.service import started

PAIR = (pixels(0), pixels(1))


@pytest.fixture(scope="module", params=["euclidean", "head"])
def folder(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("compared")
    return compared.write_bundle(home / request.param, request.param)


@pytest.fixture(scope="module")
def explainer(folder):
    return Explainer.load(folder)


def png(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("method", ["surrogate", "responses"])
def test_a_batch_job(method, folder, explainer, tmp_path):
    pictures = write_pictures(tmp_path / "pictures")
    pairs = write_csv(pictures[0].with_name("pairs.csv"), pair_up(pictures, 12))
    run_here(make_job(folder, pairs, tmp_path / "out", settings=BatchSettings(method)))
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 12
    for row in rows:
        images = (pictures[0].parent / row[role] for role in ("reference", "test"))
        pair = explainer.explain(*images, method=find_method(method))
        assert row["similar"] == pair.similar
        assert row["similarity"] == np.float32(pair.similarity)
        assert row["margin"] == np.float32(pair.decision.margin)


def test_a_search(folder, explainer, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 8)
    lists = [
        write_csv(tmp_path / f"{name}.csv", {"image": list(map(str, some))})
        for name, some in (("probes", pictures[:2]), ("gallery", pictures[2:]))
    ]
    settings = BatchSettings("responses", top=3)
    run_here(make_job(folder, lists[0], tmp_path / "out", gallery=lists[1], settings=settings))
    rows = rows_of(tmp_path / "out")
    for probe in pictures[:2]:
        of = [row for row in rows if row["test"].endswith(probe.name)]
        every = [explainer.explain(one, probe).similarity for one in pictures[2:]]
        found = [row["similarity"] for row in of]
        np.testing.assert_allclose(found, sorted(every, reverse=True)[:3], rtol=1e-6)


def test_the_service_and_its_tensors(folder, explainer):
    expected = document(explainer.explain(*PAIR))
    with started(Settings(folder)) as running:
        home = f"http://127.0.0.1:{running.port}"
        asked = {"reference": png(PAIR[0]), "test": png(PAIR[1])}
        answer = httpx.post(f"{home}/v1/explain", json=asked, timeout=60).json()
        for name in ("similarity", "comparison", "words", "decision", "method", "caveats"):
            assert answer[name] == json.loads(json.dumps(expected))[name]
        verified = httpx.post(f"{home}/v1/verify", json=asked, timeout=60).json()
        assert verified["comparison"] == expected["comparison"]
        about = httpx.get(f"{home}/v1/about").json()
        assert about["comparison"] == explainer.comparison.kind
        record = explainer.manifest.comparison
        assert about["spread"] == record.spread
        if record.kind == "euclidean":  # a client can make a similarity of its own distance
            own = answer["comparison"]["value"]
            assert 1 - own**2 / (2 * about["spread"] ** 2) == pytest.approx(answer["similarity"])
        tensors = [
            {
                "name": name,
                "datatype": "UINT8",
                "shape": [1, 16, 16, 3],
                "data": image.ravel().tolist(),
            }
            for name, image in zip(("reference", "test"), PAIR, strict=True)
        ]
        wanted = [{"name": "similarity"}, {"name": "similar"}]
        body = {"inputs": tensors, "outputs": wanted}
        address = f"{home}/v2/models/explainer/infer"
        outputs = httpx.post(address, json=body, timeout=60).json()["outputs"]
        found = {one["name"]: one["data"][0] for one in outputs}
        assert found["similar"] == expected["decision"].startswith("sim")
        assert found["similarity"] == pytest.approx(expected["similarity"], abs=1e-6)


def test_the_commands_verify_explain_and_assess(folder, explainer, tmp_path):
    people = write_people(tmp_path / "people", 6, 4)
    done = lpel("verify", "--bundle", folder, "--faces", people, "--n", 40, "--json")
    found = json.loads(done.stdout)
    assert found["threshold"] == explainer.manifest.threshold.value
    assert found["auc"] > 0.9
    a, b = sorted(people.glob("*/*"))[:2]
    said = lpel("explain", "--bundle", folder, a, b).stdout
    assert {"euclidean": "distance", "head": "score"}[explainer.comparison.kind] in said.lower()
    checked = lpel("bundle", "check", folder).stdout
    assert "a grey image and itself have the" in checked
    assert "every check passed" in checked
    arguments = ("--bundle", folder, "--faces", people, "--n", 4, "--superpixel", 2)
    checked = lpel("assess", *arguments, "--out", tmp_path / "assessed")
    assert checked.returncode == 0, checked.stderr
