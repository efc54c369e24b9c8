"""JSON that is mostly structure: refused before it is parsed, while every tensor's is taken."""

import json

import numpy as np
import pytest

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference import document
from lpel_serving.service.http.open_inference.document import MAX_JSON_BYTES
from lpel_serving.service.http.open_inference.requests import parse_request
from lpel_serving.service.http.open_inference.signature import BATCH, Signature, Tensor
from lpel_serving.service.http.settings import Settings
from support.clients import ask, ask_at_once, get, post
from support.service import started

SIDE = 160
SIGNATURE = Signature(
    (Tensor("image", "UINT8", (BATCH, SIDE, SIDE, 3)),), (Tensor("x", "FP32", (BATCH, 4)),), 64
)


def filled(unit: bytes, before: bytes = b'{"inputs":[', after: bytes = b"0]}") -> bytes:
    """JSON of as many equal things as are let in."""
    return before + unit * ((MAX_JSON_BYTES - len(before) - len(after)) // len(unit)) + after


def image_request(pixels: np.ndarray) -> bytes:
    tensor = {"name": "image", "datatype": "UINT8", "shape": pixels.shape, "data": pixels.tolist()}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


HOSTILE = {
    "empty lists": (filled(b"[],"), "more lists than a tensor"),
    "lists of one": (filled(b"[0],"), "more lists than a tensor"),
    "empty objects": (filled(b"{},"), "more objects or more text"),
    "objects": (filled(b'{"a":0},'), "more objects or more text"),
    "empty text": (filled(b'"",'), "more objects or more text"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_mostly_structure_is_refused_unparsed(what, monkeypatch):
    def parse(*_):
        raise AssertionError("it was parsed")

    monkeypatch.setattr(document, "read_json", parse)
    body, complaint = HOSTILE[what]
    with pytest.raises(Problem, match=complaint) as caught:
        parse_request(body, None, SIGNATURE)
    assert caught.value.status == 400


SHAPE = b'{"inputs":[{"name":"image","datatype":"UINT8","shape":['
MANY_WRONG = {
    "inputs": (filled(b"0,"), "inputs of the request to be a list, of at most 1"),
    "lengths": (filled(b"-1,", SHAPE, b"0]}]}"), "shape of the input image to be a list of at"),
}


@pytest.mark.parametrize("what", MANY_WRONG)
def test_of_a_million_wrong_values_only_the_first_are_looked_at(what):
    body, complaint = MANY_WRONG[what]
    with pytest.raises(Problem, match=complaint) as caught:
        parse_request(body, None, SIGNATURE)
    assert caught.value.__cause__.error_count() < 100


@pytest.mark.parametrize(("count", "most"), [(10, 9), (6, 255)])
def test_the_largest_tensors_that_fit_are_taken_as_nested_lists(count, most):
    shape = (count, SIDE, SIDE, 3)
    pixels = np.random.default_rng(0).integers(0, most + 1, shape, np.uint8)
    body = image_request(pixels)
    assert 0.8 * MAX_JSON_BYTES < len(body) <= MAX_JSON_BYTES
    assert np.array_equal(parse_request(body, None, SIGNATURE).inputs["image"], pixels)


def test_sixteen_at_once_are_refused_and_the_service_answers(service_bundle):
    request = post("/v2/models/embedder/infer", HOSTILE["empty lists"][0])
    with started(Settings(service_bundle)) as running:
        answers = ask_at_once(running.port, [request] * 16)
        assert {answer.status for answer in answers} == {400}
        assert "more lists than a tensor" in answers[0].json["error"]
        assert ask(running.port, get("/livez")).status == 200


def test_an_answer_of_too_many_numbers_is_refused_unless_as_bytes():
    wide = Signature(SIGNATURE.inputs, (Tensor("x", "FP32", (BATCH, 1000, 1001)),), 64)
    image = {"name": "image", "datatype": "UINT8"}

    def asked(count: int, **parameters: bool) -> object:
        size = count * SIDE * SIDE * 3
        tensor = image | {
            "shape": [count, SIDE, SIDE, 3],
            "parameters": {"binary_data_size": size},
        }
        text = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
        return parse_request(text + bytes(size), str(len(text)), wide)

    asked(1)
    asked(2, binary_data_output=True)
    with pytest.raises(Problem, match="2,002,000 numbers as JSON") as caught:
        asked(2)
    assert caught.value.status == 413
