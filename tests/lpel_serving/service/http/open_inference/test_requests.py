"""Requests read: every way to be wrong is refused in one way, and what is right is taken whole."""

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.answers import write_answer
from lpel_serving.service.http.open_inference.document import MAX_JSON_BYTES
from lpel_serving.service.http.open_inference.requests import WantedOutput, parse_request
from lpel_serving.service.http.open_inference.signature import BATCH, Signature, Tensor

SIGNATURE = Signature(
    inputs=(
        Tensor("left", "UINT8", (BATCH, 2)),
        Tensor("right", "FP32", (BATCH, 2)),
        Tensor("limit", "FP32", (1,), optional=True),
    ),
    outputs=(Tensor("sum", "FP32", (BATCH, 2)), Tensor("great", "BOOL", (BATCH,))),
    max_batch=3,
)
LEFT = {"name": "left", "datatype": "UINT8", "shape": [1, 2], "data": [1, 2]}
RIGHT = {"name": "right", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 3]}
LIMIT = {"name": "limit", "datatype": "FP32", "shape": [1], "data": [0.25]}
GOOD = {"id": "7", "inputs": [LEFT, RIGHT]}


def as_bytes(entry: dict, size: int) -> dict:
    plain = {key: value for key, value in entry.items() if key != "data"}
    return plain | {"parameters": {"binary_data_size": size}}


def read(request, behind: bytes = b"", length=None):
    text = json.dumps(request).encode()
    header = str(len(text)) if behind and length is None else length
    return parse_request(text + behind, header, SIGNATURE)


def refusal(request, behind: bytes = b"", length=None) -> str:
    with pytest.raises(Problem) as caught:
        read(request, behind, length)
    assert caught.value.status == 400
    return str(caught.value)


def changed(place: int, **fields) -> dict:
    inputs = [LEFT, RIGHT]
    inputs[place] = {**inputs[place], **fields}
    return {"inputs": inputs}


def asking(**parameters) -> dict:
    return {**GOOD, "outputs": [{"name": "sum", "parameters": parameters}]}


def test_a_request_is_taken_whole():
    request = read({**GOOD, "inputs": [RIGHT, LIMIT, LEFT]})
    assert request.id == "7"
    assert {name: array.tolist() for name, array in request.inputs.items()} == {
        "left": [[1, 2]],
        "right": [[0.5, 3]],
        "limit": [0.25],
    }
    assert request.inputs["left"].dtype == np.uint8
    assert request.inputs["right"].dtype == np.float32
    assert request.outputs == (WantedOutput("sum", False), WantedOutput("great", False))


def test_bytes_behind_the_json_belong_to_inputs_in_their_order():
    behind = np.array([[0.5, 3]], "<f4").tobytes() + bytes([1, 2])
    request = read({"inputs": [as_bytes(RIGHT, 8), LIMIT, as_bytes(LEFT, 2)]}, behind)
    assert request.inputs["right"].tolist() == [[0.5, 3]]
    assert request.inputs["left"].tolist() == [[1, 2]]
    assert request.id is None


def test_the_length_of_the_json_may_be_told_though_nothing_is_behind_it():
    text = json.dumps(GOOD).encode()
    assert parse_request(text, str(len(text)), SIGNATURE).id == "7"


@pytest.mark.parametrize("absent", [{"outputs": None}, {"outputs": []}, {}])
def test_all_outputs_are_given_unless_some_are_asked_for(absent):
    assert [one.name for one in read({**GOOD, **absent}).outputs] == ["sum", "great"]


def test_outputs_are_given_as_asked_and_in_that_order():
    asked = [{"name": "great"}, {"name": "sum", "parameters": {"binary_data": False}}]
    request = read({**GOOD, "outputs": asked, "parameters": {"binary_data_output": True}})
    assert request.outputs == (WantedOutput("great", True), WantedOutput("sum", False))


def test_what_does_no_harm_is_let_pass():
    harmless = {
        "model_name": "any",
        "id": None,
        "parameters": {"sequence_id": 3, "priority": 1, "timeout": 10, "content_type": "np"},
        "outputs": [{"name": "sum", "parameters": None}],
    }
    request = read({**changed(0, parameters={"content_type": "np"}), **harmless})
    assert request.id is None
    assert request.inputs["left"].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ([], "the request to be a JSON object"),
        ({}, "inputs of the request to be a list"),
        ({"inputs": {}}, "inputs of the request to be a list"),
        ({"inputs": [7]}, "an input to be a JSON object"),
        ({"inputs": []}, "the input left is missing"),
        ({"inputs": [LEFT]}, "the input right is missing"),
        ({"inputs": [LEFT, RIGHT, LEFT]}, "the input left stands there twice"),
        ({"inputs": [LEFT] * 4}, "a list, of at most 3"),
        ({**GOOD, "outputs": [{"name": "sum"}] * 3}, "a list, of at most 2"),
        ({"inputs": [LEFT, RIGHT, {**LEFT, "name": "top"}]}, "no input is called 'top'"),
        ({"inputs": [LEFT, {**RIGHT, "shape": [2, 2], "data": [1, 2, 3, 4]}]}, "one length"),
        (changed(0, name=7), "name of an input to be text"),
        (changed(0, name=None), "name of an input to be text"),
        (changed(0, shape=None), "shape of the input left"),
        (changed(0, shape=[1, True]), "shape of the input left"),
        (changed(0, shape=[1, 2.0]), "shape of the input left"),
        (changed(0, shape=[-1, 2]), "none of them negative"),
        (changed(0, shape=[2**64, 2]), "shape of the input left"),
        (changed(0, shape=[1] * 17), "at most 16"),
        (changed(0, shape=[2]), "expected the shape [-1, 2], where -1 is the batch, received [2]"),
        (changed(0, shape=[1, 3]), "received [1, 3]"),
        (changed(0, shape=[1, 2, 1]), "received [1, 2, 1]"),
        (changed(0, datatype="INT8"), "the input left: expected UINT8, received 'INT8'"),
        (changed(0, datatype="BYTES"), "received 'BYTES'"),
        (changed(0, datatype=None), "datatype of the input left to be text"),
        (changed(0, data=None), "either data or the parameter binary_data_size"),
        (changed(0, data=[1]), "the input left: the shape [1, 2] takes 2 elements, received 1"),
        (changed(0, data=[1, 256]), "the input left: expected numbers in the range of UINT8"),
        (changed(1, data=[1, 1e39]), "range of FP32"),
        (changed(0, parameters=[]), "parameters of the input left to be a JSON object"),
        (changed(0, parameters={"shared_memory_region": "x"}), "not offered"),
        (changed(0, parameters={"binary_data_size": 2}), "either data or"),
        ({**GOOD, "parameters": 7}, "parameters of the request to be a JSON object"),
        ({**GOOD, "parameters": {"binary_data_output": 1}}, "true or false"),
        ({**GOOD, "id": 7}, "id of the request to be text"),
        ({**GOOD, "id": "\ud800"}, "id of the request to be text"),
        ({**GOOD, "outputs": {}}, "outputs of the request to be a list"),
        ({**GOOD, "outputs": ["sum"]}, "an output to be a JSON object"),
        ({**GOOD, "outputs": [{"name": "x" * 99}]}, "no output is called 'xxx"),
        ({**GOOD, "outputs": [{"name": "sum"}, {"name": "sum"}]}, "the output sum stands there"),
        (
            {**GOOD, "outputs": [{"name": "sum", "parameters": {"classification": 2}}]},
            "not offered",
        ),
        (asking(binary_data=1), "true or false"),
    ],
)
def test_a_wrong_inference_request_is_refused_and_named(request_, complaint):
    assert complaint in refusal(request_)


@pytest.mark.parametrize("length", [0, 4])
def test_the_batch_of_an_inference_request_has_bounds(length):
    left = {**LEFT, "shape": [length, 2], "data": [1] * (2 * length)}
    right = {**RIGHT, "shape": [length, 2], "data": [1] * (2 * length)}
    assert "expected a batch of 1 to 3" in refusal({"inputs": [left, right]})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_in_bytes_and_in_json(value):
    behind = np.array([0.5, value], "<f4").tobytes()
    assert "finite" in refusal({"inputs": [LEFT, as_bytes(RIGHT, 8)]}, behind)
    assert "not JSON" in refusal(changed(1, data=[0.5, value]))


@pytest.mark.parametrize("size", [-8, 0, 7, 9, 2**63, 10**30, 8.0, "8", True])
def test_bytes_are_as_many_as_the_shape_says(size):
    complaint = refusal({"inputs": [LEFT, as_bytes(RIGHT, size)]}, bytes(8))
    assert "the input right: expected a binary_data_size of 8" in complaint


@pytest.mark.parametrize("behind", [bytes(7), bytes(9)])
def test_no_byte_is_left_over_or_missing(behind):
    complaint = refusal({"inputs": [LEFT, as_bytes(RIGHT, 8)]}, behind)
    assert "received 7" in complaint or "1 bytes stand behind" in complaint


def test_bytes_that_nobody_claims_are_refused():
    assert "3 bytes stand behind" in refusal(GOOD, b"abc")


@pytest.mark.parametrize(
    "length", ["-1", "+5", "1e3", "0x10", " 5", "5 ", "", "٣", "9" * 30, "1_0", "99999"]
)
def test_the_length_of_the_json_is_a_number_within_the_body(length):
    assert "Inference-Header-Content-Length" in refusal(GOOD, length=length)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'{"inputs": [], "inputs": []}',
        b'{"id": NaN}',
        b'{"id": 1e999}',
        b"[" * 10**5,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_of_one_meaning_is_refused(text):
    with pytest.raises(Problem, match="JSON"):
        parse_request(text, None, SIGNATURE)


def test_json_is_read_up_to_a_length_and_bytes_behind_it_beyond():
    text = json.dumps(GOOD).encode().ljust(MAX_JSON_BYTES)
    assert parse_request(text, None, SIGNATURE).id == "7"
    with pytest.raises(Problem, match="send the tensors as bytes") as caught:
        parse_request(text + b" ", None, SIGNATURE)
    assert caught.value.status == 413
    with pytest.raises(Problem, match="1 bytes stand behind"):
        parse_request(text + b" ", str(MAX_JSON_BYTES), SIGNATURE)


def test_a_strangers_words_come_back_short_and_harmless():
    complaint = refusal(changed(0, name="\x1b[31m" + "é" * 1000))
    assert complaint.isascii()
    assert complaint.isprintable()
    assert len(complaint) < 400


# --- whatever arrives ----------------------------------------------------------------------------

BINARY = json.dumps({"inputs": [as_bytes(RIGHT, 8), LIMIT, as_bytes(LEFT, 2)]}).encode()
BEHIND = np.array([0.5, 3], "<f4").tobytes() + bytes([1, 2])


@pytest.fixture(scope="module")
def survives(outcome):
    """Reads a body: it is refused in one way, or an answer to it can be written and read."""
    return partial(read_and_answer, outcome)


def read_and_answer(outcome, body: bytes, header: str | None) -> None:
    request = outcome(lambda: parse_request(body, header, SIGNATURE))
    if isinstance(request, Problem):
        assert request.status == 400
        assert json.dumps(request.document()).isascii()
        return
    length = len(request.inputs["left"])
    assert 1 <= length <= 3
    arrays = {"sum": np.ones((length, 2), np.float32), "great": np.ones(length, np.bool_)}
    content, size = write_answer({"model_name": "sum"}, request, arrays, SIGNATURE)
    answer = json.loads(content[:size])
    assert answer.get("id") == request.id
    assert [one["name"] for one in answer["outputs"]] == [one.name for one in request.outputs]


many = settings(max_examples=500, deadline=None, derandomize=True)
headers = st.none() | st.integers(-5, 400).map(str) | st.text(max_size=6)


@many
@given(st.binary(max_size=200), headers)
def test_any_bytes(survives, body, header):
    survives(body, header)


@many
@given(
    st.sampled_from([json.dumps(GOOD).encode(), BINARY + BEHIND]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12), st.binary(max_size=8)), max_size=4),
    headers | st.just(str(len(BINARY))),
)
@example(json.dumps(GOOD).encode(), [], None)
@example(BINARY + BEHIND, [], str(len(BINARY)))
def test_any_damage_to_a_good_request(survives, body, cuts, header):
    for start, length, instead in cuts:
        body = body[:start] + instead + body[start + length :]
    survives(body, header)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-1, 4)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["left", "right", "limit", "sum", "great", "UINT8", "FP32"])
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@many
@given(
    st.sampled_from(["id", "parameters", "inputs", "outputs"]),
    st.sampled_from(["name", "datatype", "shape", "data", "parameters"]),
    st.sampled_from(["binary_data_size", "binary_data", "binary_data_output", "classification"]),
    anything,
    st.integers(0, 4),
)
def test_any_value_in_any_field(survives, field, inner, parameter, value, depth):
    inputs = [dict(LEFT), dict(RIGHT), dict(LIMIT)]
    request = {"id": "7", "inputs": inputs, "outputs": [{"name": "sum"}]}
    match depth:
        case 0:
            request[field] = value
        case 1:
            inputs[1][inner] = value
        case 2:
            request["outputs"][0][inner] = value
        case 3:
            inputs[0]["parameters"] = {parameter: value}
        case _:
            request["parameters"] = {parameter: value}
    survives(json.dumps(request).encode(), None)
