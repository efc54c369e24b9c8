"""What other pairs usually have, in the answers of the service."""

import base64
import json

import httpx
import pytest

from lpel_serving.equations.regions import REGIONS
from lpel_serving.service.http.schemas.answers import ExplainAnswer
from lpel_serving.service.http.settings import Settings
from support import tiny
from support.clients import as_png, photograph
from support.plausibility import odd, plausibility
from support.service import started
from support.usual import usual

FACE, OTHER, ODD = photograph(900), photograph(901), as_png(odd())


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    bundle = tiny.write_bundle(
        tmp_path_factory.mktemp("knowing") / "bundle",
        responds=True,
        plausibility=plausibility(),
        usual=usual(),
    )
    with (
        started(Settings(bundle)) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
    ):
        yield client


def ask(client, reference: bytes = FACE, test: bytes = OTHER, **fields: object) -> dict:
    texts = {"reference": reference, "test": test}
    encoded = {name: base64.b64encode(data).decode() for name, data in texts.items()}
    answer = client.post("/v1/explain", json=encoded | fields)
    assert answer.status_code == 200, answer.text
    ExplainAnswer.model_validate_json(answer.content)
    return answer.json()


def regions(answer: dict) -> list[dict]:
    return [one for role in answer["explanations"].values() for one in role["regions"]]


@pytest.mark.parametrize("method", ["responses", "lpel"])
def test_each_region_has_its_share_and_what_is_usual_beside_it(client, method):
    answer = ask(client, method=method)
    known = usual().methods[method][answer["decision"]]
    assert len(regions(answer)) == 2 * len(REGIONS)
    for one in regions(answer):
        assert one["usual_for"] == known["for"][one["name"]]
        expected = known["against"] and known["against"][one["name"]]
        assert one["usual_against"] == expected
    assert answer["usual"] == {"pairs": known["pairs"], "common": known["common"]}
    for words in answer["words"]:
        assert ("usually" in words) == ("gathers in" in words)
    assert "common to all faces" in answer["beside_map"]
    assert answer["caveats"].count(answer["beside_map"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "lpel", "p": 0.5},
        {"method": "lpel-mended"},
        {"method": "occlusion"},
        {"method": "centre"},
        {"crop": "0.5"},
    ],
)
def test_of_other_maps_and_of_faces_cut_out_otherwise_it_is_not_known(client, fields):
    answer = ask(client, **fields)
    assert answer["usual"] is None
    assert {one["usual_for"] for one in regions(answer)} == {None}
    assert {one["usual_against"] for one in regions(answer)} == {None}
    assert not any("usual" in words for words in answer["words"] + answer["caveats"])


def test_of_pictures_of_another_kind_no_parts_are_named(client):
    answer = ask(client, test=ODD)
    assert regions(answer) == []
    assert not any("usual" in words for words in answer["words"])
    assert "nothing was hidden" in answer["beside_map"]


def test_a_bundle_that_does_not_know_answers_as_ever(service):
    files = {"reference": FACE, "test": OTHER}
    answer = service.client.post("/v1/explain", files=files)
    ExplainAnswer.model_validate_json(answer.content)
    assert answer.json()["usual"] is None
    assert {one["usual_for"] for one in regions(answer.json())} == {None}


def test_the_document_for_programs_says_what_the_fields_are(client):
    text = json.dumps(client.get("/openapi.json").json())
    for name in ("usual_for", "usual_against", "beside_map", "UsualShare"):
        assert name in text
