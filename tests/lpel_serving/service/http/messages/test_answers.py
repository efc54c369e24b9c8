"""No answer is sent that its own model refuses."""

import base64

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from lpel_serving.service.http.messages.problems import MEDIA_TYPE
from lpel_serving.service.http.schemas import answers, arrays
from support.clients import photograph

TEXTS = {
    role: base64.b64encode(photograph(place)).decode()
    for place, role in enumerate(("reference", "test"))
}
MODELS = {
    "/v1/explain": answers.ExplainAnswer,
    "/v1/verify": answers.VerifyAnswer,
    "/v1/assess": answers.AssessAnswer,
    "/v1/methods": answers.MethodsAnswer,
    "/v1/about": answers.AboutAnswer,
}


def refuse(document):
    raise ValueError("it is otherwise")


@pytest.mark.parametrize("path", MODELS)
def test_what_is_not_as_described_is_a_mistake_of_the_server(service, path, monkeypatch):
    monkeypatch.setattr(MODELS[path], "model_validate", refuse)
    post = path in ("/v1/explain", "/v1/verify", "/v1/assess")
    answer = service.client.request("POST" if post else "GET", path, json=TEXTS)
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert "otherwise" not in answer.text


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/assess"])
def test_the_last_of_lines_is_checked_too(service, path, monkeypatch):
    monkeypatch.setattr(MODELS[path], "model_validate", refuse)
    asked = TEXTS | {"method": "occlusion"}
    answer = service.client.post(path, json=asked, headers={"Accept": "application/x-ndjson"})
    assert '"status":500' in answer.text.splitlines()[-1]


def test_every_path_that_is_described_has_a_model(service):
    paths = service.client.get("/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith("/v1/")} == set(MODELS)


MAP, MASK = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.bool_)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (arrays.Numbers, [MAP, MAP[..., None], MAP.tolist(), "picture"], [MASK, MAP[0], 1.5]),
        (arrays.Bits, [MASK, MASK.tolist(), "picture"], [MAP, MASK[0], [[0.5]]]),
        (arrays.Curve, [MAP[0], [0.5]], [MAP, MASK[0], "picture"]),
        (arrays.Counts, [np.arange(3), [1, 2]], [MAP[0], np.zeros((2, 2), np.int64), [0.5]]),
    ],
)
def test_an_array_is_known_by_its_type_and_axes(kind, right, wrong):
    model = TypeAdapter(kind)
    for value in right:
        model.validate_python(value)
    for value in wrong:
        with pytest.raises(ValidationError):
            model.validate_python(value)
