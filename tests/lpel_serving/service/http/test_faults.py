"""What nobody foresaw: it is answered, counted and logged like all else, without its words."""

import json
import logging

import httpx
import pytest

from lpel_serving.service.http.observation import LOGGER, JsonLines
from lpel_serving.service.http.routes import assess
from lpel_serving.service.http.security import HEADERS
from lpel_serving.service.http.settings import Settings
from support import slow
from support.clients import photograph
from support.service import started

PRIVATE = "/home/somebody/photograph.jpg"


def faulty(*arguments, **named):
    raise RuntimeError(PRIVATE)


@pytest.fixture
def lines():
    """The log, line by line, as it would go out."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record):
            written.append(self.format(record))

    handler = Keep()
    handler.setFormatter(JsonLines())
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield written
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


@pytest.fixture
def client(service_bundle):
    with started(Settings(service_bundle)) as running:
        address = f"http://127.0.0.1:{running.port}"
        with httpx.Client(base_url=address, timeout=60) as one:
            one.service = running.service
            yield one


PAIR = {"reference": photograph(0), "test": photograph(1)}


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/verify"])
def test_a_fault_of_ours_is_a_500_that_is_counted_logged_and_careful(
    client, lines, monkeypatch, path
):
    monkeypatch.setattr(client.service, "face", faulty)
    answer = client.post(path, files=PAIR)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert PRIVATE not in answer.text
    assert {name.lower() for name in HEADERS} <= set(answer.headers)
    assert f'lpel_requests_total{{route="{path}",status="500"}} 1.0' in client.get("/metrics").text
    said = next(one for one in map(json.loads, lines) if one["route"] == path)
    assert (said["status"], said["error"]) == (500, "RuntimeError")
    assert any("test_faults.py" in place for place in said["where"])
    assert said["request_id"] == answer.headers["x-request-id"]
    assert PRIVATE not in "".join(lines)


def test_a_fault_before_the_first_line_of_a_stream_is_a_500_too(client, lines, monkeypatch):
    monkeypatch.setattr(assess, "_assess", faulty)
    answer = client.post("/v1/assess", files=PAIR, headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 500
    assert PRIVATE not in answer.text + "".join(lines)


def test_a_fault_in_the_midst_of_a_stream_is_its_last_line_and_stands_in_the_log(
    client, lines, monkeypatch
):
    def begun(*arguments):
        with arguments[-1]("curves", 2) as advance:
            advance(1)
        faulty()

    monkeypatch.setattr(assess, "_assess", begun)
    answer = client.post("/v1/assess", files=PAIR, headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200
    *progress, last = map(json.loads, answer.text.splitlines())
    assert [one["progress"]["done"] for one in progress] == [0, 1]
    assert last["problem"]["status"] == 500

    def logged() -> list[dict]:
        return [one for one in map(json.loads, lines) if one["route"] == "/v1/assess"]

    slow.until(logged)  # the line is written when the answer is out
    [said] = logged()
    assert said["error"] == "RuntimeError"
    assert PRIVATE not in answer.text + "".join(lines)


def test_what_is_refused_at_the_door_is_counted_under_its_route(client):
    client.post("/v1/explain", files=PAIR, headers={"Origin": "https://elsewhere.example"})
    counted = 'lpel_requests_total{route="/v1/explain",status="403"} 1.0'
    assert counted in client.get("/metrics").text


@pytest.mark.parametrize(
    ("crop", "name"), [("none", "none"), ("1", "1.0"), ("1.0", "1.0"), ("1.000", "1.0")]
)
def test_one_crop_has_one_name_however_it_is_written(client, crop, name):
    answer = client.post("/v1/verify", files=PAIR, data={"crop": crop}).json()
    assert answer["crop"] == name
    said = any("were by the crop 1.0:" in one for one in answer["caveats"])
    assert said == (name == "1.0")  # none is the bundle's own
