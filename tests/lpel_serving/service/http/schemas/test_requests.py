"""Where a field of a request is wrong, the answer names it; and its words fit what was sent."""

import base64
import re

import pytest

from support.clients import HOST, ask, photograph

FILES = {"reference": photograph(0), "test": photograph(1)}
TEXTS = {role: base64.b64encode(data).decode() for role, data in FILES.items()}
POSTS = ("/v1/explain", "/v1/verify", "/v1/assess")

WRONG = [
    *((path, "crop", {"crop": "face"}) for path in POSTS),
    *((path, "crop", {"crop": "0.0001"}) for path in POSTS),
    *((path, "reference_face", {"reference_face": "1"}) for path in POSTS),
    *((path, "test_face", {"test_face": "1", "crop": "0.5"}) for path in POSTS),
    ("/v1/explain", "method", {"method": "magic"}),
    ("/v1/assess", "method", {"method": "magic"}),
    ("/v1/explain", "p", {"method": "responses", "p": "0.3"}),
    ("/v1/assess", "p", {"method": "responses", "p": "0.3"}),
    ("/v1/explain", "epsilon", {"epsilon": "1"}),
    ("/v1/explain", "include", {"include": "heat_map,nothing"}),
    ("/v1/explain", "sead", {"sead": "1"}),
    ("/v1/assess", "curve", {"curve": "round"}),
    ("/v1/verify", "crop", {"crop": "0.5" + " " * 5000}),
]


@pytest.mark.parametrize(("path", "about", "fields"), WRONG)
def test_the_field_that_is_wrong_is_named(service, path, about, fields):
    answer = service.client.post(path, files=FILES, data=fields)
    assert answer.status_code in {400, 422}
    assert answer.json()["about"] == about


def test_a_curve_of_the_other_decision_is_named(service):
    decision = service.client.post("/v1/verify", files=FILES).json()["decision"]
    other = {"similar": "dissimilar", "dissimilar": "similar"}[decision]
    fields = {"curve": other, "draws": "1", "every": "64"}
    answer = service.client.post("/v1/assess", files=FILES, data=fields)
    assert (answer.status_code, answer.json()["about"]) == (422, "curve")
    lines = service.client.post(
        "/v1/assess", files=FILES, data=fields, headers={"Accept": "application/x-ndjson"}
    )
    assert lines.json()["about"] == "curve"


def test_a_file_of_another_name_and_a_field_that_stands_there_twice_are_named(service):
    answer = service.client.post("/v1/verify", files={**FILES, "third": photograph(2)})
    assert (answer.status_code, answer.json()["about"]) == (422, "third")
    twice = [*FILES.items(), ("test", FILES["test"])]
    answer = service.client.post("/v1/verify", files=twice)
    assert (answer.status_code, answer.json()["about"]) == (400, "test")


def test_a_request_without_a_content_type_is_not_said_to_have_one(service):
    port = int(service.address.rpartition(":")[2])
    head = f"POST /v1/verify HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n"
    answer = ask(port, head.encode() + b"{}")
    assert answer.status == 415
    assert answer.json["detail"] == (
        "expected multipart/form-data or application/json; received a request without a "
        "Content-Type."
    )


@pytest.mark.parametrize(
    ("length", "remedy"), [(0, "received 0: send at least one"), (65, "received 65: divide it")]
)
def test_what_is_said_of_a_batch_fits_its_length(service, length, remedy):
    dimension = service.service.manifest.embedder.dimension
    tensor = {"name": "embedding", "datatype": "FP32", "shape": [length, dimension]}
    answer = service.client.post(
        "/v2/models/decoder/infer",
        json={"inputs": [{**tensor, "data": [0.5] * (length * dimension)}]},
    )
    assert answer.status_code == 400
    assert remedy in answer.json()["error"]


def images(service):
    paths = service.client.get("/openapi.json").json()["paths"]
    for path in POSTS:
        content = paths[path]["post"]["requestBody"]["content"]
        for kind in content:
            for role in FILES:
                yield kind, content[kind]["schema"]["properties"][role]


def test_the_schema_of_an_image_says_what_is_enforced(service):
    for kind, schema in images(service):
        assert "JPEG, PNG, WEBP, BMP or PPM" in schema["description"]
        assert "24,000,000 pixels" in schema["description"]
        assert f"at most {service.settings.limits.request_bytes:,} bytes" in schema["description"]
        assert schema["minLength"] > 0, kind


REFUSED = ["", "data:image/png;base64," + TEXTS["test"], TEXTS["test"].replace("+", "-") + "_", "é"]


@pytest.mark.parametrize("text", REFUSED, ids=["empty", "data URL", "URLs' alphabet", "letters"])
def test_text_that_the_schema_refuses_is_refused(service, text):
    schema = next(schema for kind, schema in images(service) if kind == "application/json")
    assert len(text) < schema["minLength"] or not re.search(schema["pattern"], text)
    answer = service.client.post("/v1/verify", json=TEXTS | {"test": text})
    assert (answer.status_code, answer.json()["about"]) == (422, "test")


def test_text_that_is_taken_is_as_the_schema_has_it(service):
    schema = next(schema for kind, schema in images(service) if kind == "application/json")
    for text in (TEXTS["test"], base64.encodebytes(FILES["test"]).decode()):
        assert re.search(schema["pattern"], text)
        assert service.client.post("/v1/verify", json=TEXTS | {"test": text}).status_code == 200
