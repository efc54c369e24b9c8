"""The specification's schemas, written down again: what every path answers, over plain HTTP."""

import asyncio
import gzip
import http.client
import json
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.open_inference.routes import routes
from lpel_serving.service.http.routes.health import Health

DATATYPES = {
    "BOOL",
    *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *(f"FP{bits}" for bits in (16, 32, 64)),
    "BYTES",
}
MODELS = ("embedder", "decoder", "responses", "explainer")
ENDINGS = ("", "/versions/1")


def fields(value, required: dict[str, Callable], optional: dict[str, Callable]) -> bool:
    """Whether a value is an object of these fields and no others, and each holds what it should."""
    known = required | optional
    return (
        isinstance(value, dict)
        and required.keys() <= value.keys() <= known.keys()
        and all(check(value[key]) for key, check in known.items() if key in value)
    )


def is_text(value) -> bool:
    return isinstance(value, str)


def is_flag(value) -> bool:
    return isinstance(value, bool)


def is_object(value) -> bool:
    return isinstance(value, dict)


def list_of(check: Callable) -> Callable:
    return lambda value: isinstance(value, list) and all(check(one) for one in value)


def is_length(value) -> bool:
    return type(value) is int and value >= -1


def is_tensor(value) -> bool:
    return fields(
        value,
        {"name": is_text, "datatype": DATATYPES.__contains__, "shape": list_of(is_length)},
        {},
    )


def is_metadata(value) -> bool:
    tensors = list_of(is_tensor)
    return fields(
        value,
        {"name": is_text, "platform": is_text, "inputs": tensors, "outputs": tensors},
        {"versions": list_of(is_text)},
    )


def is_data(value) -> bool:
    """Lists in lists, at whose ends are numbers, text, true or false."""
    return isinstance(value, list) and all(
        isinstance(one, int | float | str) or is_data(one) for one in value
    )


def is_output(value) -> bool:
    return (
        fields(
            value,
            {
                "name": is_text,
                "shape": list_of(is_length),
                "datatype": DATATYPES.__contains__,
                "data": is_data,
            },
            {"parameters": is_object},
        )
        and -1 not in value["shape"]
        and len(value["data"]) == np.prod(value["shape"])
    )


def is_answer(value) -> bool:
    return fields(
        value,
        {"model_name": is_text, "outputs": list_of(is_output)},
        {"model_version": is_text, "id": is_text, "parameters": is_object},
    )


def is_error(value) -> bool:
    return fields(value, {"error": is_text}, {})


def got(service, path: str):
    answer = service.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def input_of(name: str, values: np.ndarray, datatype: str) -> dict:
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": datatype,
        "data": values.tolist(),
    }


def test_the_server_describes_itself(service):
    for path in ("/v2", "/v2/"):
        required = {"name": is_text, "version": is_text, "extensions": list_of(is_text)}
        assert fields(got(service, path), required, {})


def test_health_speaks_the_words_of_the_specification_and_of_its_clients(service):
    for ending in ("", "/"):
        assert got(service, f"/v2/health/live{ending}") == {"live": True}
        assert got(service, f"/v2/health/ready{ending}") == {"live": True, "ready": True}


def test_what_is_told_to_stop_is_not_ready_and_lives(responding_explainer, service):
    state = Health(draining=True)
    behind = ExplanationService(responding_explainer, {})
    transport = httpx.ASGITransport(Starlette(routes=routes(behind, service.settings, state)))

    async def ask() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            assert (await client.get("/v2/health/live")).status_code == 200
            for path in ("/v2/health/ready", "/v2/models/decoder/ready"):
                answer = await client.get(path)
                assert answer.status_code == 503
                assert answer.json()["ready"] is False
            index = (await client.post("/v2/repository/index")).json()
            assert {one["state"] for one in index} == {"UNAVAILABLE"}

    asyncio.run(ask())
    behind.close()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("model", MODELS)
def test_a_model_describes_itself(service, model, ending):
    about = got(service, f"/v2/models/{model}{ending}")
    assert is_metadata(about)
    assert about["name"] == model
    assert about["versions"] == ["1"]
    assert got(service, f"/v2/models/{model}{ending}/") == about
    ready = got(service, f"/v2/models/{model}{ending}/ready")
    assert ready == {"name": model, "ready": True}


def test_the_platform_is_onnx_where_onnx_is_what_runs(service):
    platforms = {one: got(service, f"/v2/models/{one}")["platform"] for one in MODELS}
    explainer = platforms.pop("explainer")
    assert set(platforms.values()) == {"onnx_onnxv1"}
    assert explainer == "lpel_bundle"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_inference_answers_as_it_should(service, embeddings, ending, slash):
    path = f"/v2/models/decoder{ending}/infer{slash}"
    asked = {"id": "é 7", "inputs": [input_of("embedding", embeddings, "FP32")]}
    for inputs in (asked, {**asked, "outputs": [{"name": "reconstruction"}]}):
        answer = service.client.post(path, json=inputs)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert "inference-header-content-length" not in answer.headers
        assert is_answer(answer.json())
        assert answer.json()["id"] == "é 7"
        assert answer.json()["model_name"] == "decoder"
        assert answer.json()["model_version"] == "1"


def test_an_answer_has_no_id_if_the_request_had_none(service, embeddings):
    asked = {"inputs": [input_of("embedding", embeddings, "FP32")]}
    answer = service.client.post("/v2/models/decoder/infer", json=asked).json()
    assert is_answer(answer)
    assert "id" not in answer


def test_numbers_survive_json_to_the_last_bit(service, embeddings):
    """Each is written so that float64, and float32 behind it, read the very number."""
    asked = {"inputs": [input_of("embedding", embeddings, "FP32")]}
    output = service.client.post("/v2/models/decoder/infer", json=asked).json()["outputs"][0]
    received = np.array(output["data"]).astype(np.float32)
    expected = service.service.explainer.decode(embeddings)
    assert received.tobytes() == expected.tobytes()
    assert np.array_equal(np.array(output["data"]), expected.astype(np.float64).ravel())


def test_bytes_behind_the_json_are_told_by_their_sizes(service, faces):
    inputs = [input_of("reference", faces[0], "UINT8"), input_of("test", faces[1], "UINT8")]
    outputs = [{"name": "test_mask"}, {"name": "similar", "parameters": {"binary_data": False}}]
    asked = {"inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": True}}
    answer = service.client.post("/v2/models/explainer/infer", json=asked)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    mask, similar = json.loads(answer.content[:length])["outputs"]
    assert mask["parameters"] == {"binary_data_size": 6 * 40 * 40}
    assert "data" not in mask
    assert is_output(similar)
    assert len(answer.content) == length + 6 * 40 * 40
    assert set(answer.content[length:]) == {0, 1}


# --- what is refused -----------------------------------------------------------------------------


def refused(answer, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert is_error(answer.json())
    return answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models",
        "/v2/models/",
        "/v2/models/nobody",
        "/v2/models/decoder%00",
        "/v2/models/decoder/versions",
        "/v2/models/decoder/versions/2",
        "/v2/models/decoder/versions/01/ready",
        "/v2/models/nobody/ready",
        "/v2/models/stats",
        "/v2/health",
        "/v2/logging",
        "/v2//health/live",
        "/v2x",
        "/v2/\u202e",
    ],
)
def test_there_are_no_other_inference_paths(service, path):
    refused(service.client.get(path), 404)


@pytest.mark.parametrize("path", ["/v2/models/nobody/infer", "/v2/models/decoder/versions/2/infer"])
def test_models_that_are_not_there_infer_nothing(service, path):
    refused(service.client.post(path, json={"inputs": []}), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2", "GET"),
        ("DELETE", "/v2/models/decoder", "GET"),
        ("PUT", "/v2/health/live", "GET"),
        ("GET", "/v2/models/decoder/infer", "POST"),
        ("POST", "/v2/models/decoder/ready", "GET"),
        ("GET", "/v2/repository/index", "POST"),
    ],
)
def test_paths_take_their_own_methods(service, method, path, allowed):
    answer = service.client.request(method, path)
    refused(answer, 405)
    assert allowed in answer.headers["allow"]


def test_a_body_that_says_it_is_too_large_is_not_waited_for(service):
    limit, address = service.settings.limits.request_bytes, httpx.URL(service.address)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=30)
    connection.putrequest("POST", "/v2/models/embedder/infer")
    connection.putheader("Content-Length", str(limit + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert is_error(json.loads(answer.read()))
    connection.close()


def test_a_body_that_grows_too_large_is_not_waited_for(service):
    limit = service.settings.limits.request_bytes
    bomb = gzip.compress(bytes(4 * limit))
    answer = service.client.post(
        "/v2/models/embedder/infer", content=bomb, headers={"Content-Encoding": "gzip"}
    )
    assert f"{limit:,} bytes" in refused(answer, 413)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused(service, encoding):
    headers = {"Content-Encoding": encoding}
    refused(service.client.post("/v2/models/decoder/infer", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"{}", {"Inference-Header-Content-Length": "3"}),
        (b"{}", {"Inference-Header-Content-Length": "-1"}),
        (b"{}", {"Content-Encoding": "gzip"}),
        (b'{"inputs": [{"name": "\\ud800"}]}', {}),
        (b'{"id": "\\udfff", "inputs": []}', {}),
        (b'{"inputs": [{"name": "embedding", "shape": [1, 6], "datatype": "FP32", "data": [', {}),
        (b"[" * 10**6, {}),
        (b'{"inputs":' * 10**5, {}),
        (b"\x00" * 1000, {}),
    ],
)
def test_what_cannot_be_read_is_the_callers_mistake(service, content, headers):
    refused(service.client.post("/v2/models/decoder/infer", content=content, headers=headers), 400)
