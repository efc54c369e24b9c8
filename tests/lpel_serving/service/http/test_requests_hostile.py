"""Requests from strangers, sent to the running service: each is answered or refused, none harms."""

import socket
import time

import pytest

from lpel_serving.service.http.limits import connection
from lpel_serving.service.http.messages.problems import MEDIA_TYPE
from lpel_serving.service.http.schemas.answers import Problem
from lpel_serving.service.http.settings import Limits, Settings
from support import tiny
from support.clients import HOST, Caller, about_pair, ask, photograph
from support.hostile import put
from support.hostile_documents import DOCUMENTS
from support.hostile_forms import FORMS
from support.hostile_heads import HEADS
from support.hostile_images import REFUSED
from support.hostile_lengths import LENGTHS, SMUGGLED, chunk
from support.hostile_requests import (
    BOTH,
    END,
    FACES,
    FORM_TYPE,
    HUNG_UP,
    WHOLE,
    file,
    form,
    get,
    post,
)
from support.odd_images import ODD
from support.service import started

pytestmark = pytest.mark.hostile

REQUESTS = {
    **{f"form: {name}": request for name, request in FORMS.items()},
    **{f"JSON: {name}": request for name, request in DOCUMENTS.items()},
    **{f"length: {name}": request for name, request in LENGTHS.items()},
    **{f"head: {name}": request for name, request in HEADS.items()},
}
NO_HTTP = b"Invalid HTTP request received."
"""What uvicorn says to what is no HTTP, before the service hears of it."""
PERSON = "Jeannette Quintessence"


@pytest.fixture(scope="module")
def port(service):
    return int(service.address.rpartition(":")[2])


@pytest.fixture(scope="module")
def hasty(service_bundle):
    """A service that waits for a body no longer than 0.3 seconds."""
    with started(Settings(service_bundle, limits=Limits(body_seconds=0.3))) as running:
        ask(running.port, get("/readyz"))
        yield running.port


def test_there_are_hundreds_of_hostile_inputs():
    assert len(REQUESTS) >= 200
    assert len(REFUSED) + len(ODD) >= 200


@pytest.mark.parametrize("what", REQUESTS)
def test_what_is_hostile_is_refused_or_harmless(port, what):
    make, statuses = REQUESTS[what]
    try:
        answer = ask(port, make())
    except ConnectionError:
        assert HUNG_UP in statuses
        return
    assert answer.status in statuses, answer.body[:300]
    assert "set-cookie" not in answer.headers
    assert "refresh" not in answer.headers
    assert b"Traceback" not in answer.body
    if answer.headers.get("content-type") == MEDIA_TYPE:
        problem = Problem.model_validate_json(answer.body)
        assert problem.status == answer.status
        assert len(problem.detail) < 400
    elif answer.status >= 400 and answer.body != NO_HTTP:
        assert list(answer.json) == ["error"]


def test_after_hostile_requests_the_service_still_answers(port):
    answer = ask(port, about_pair("/v1/verify", photograph(0), photograph(1)))
    assert answer.status == 200
    assert ask(port, get("/readyz")).body == b"ready\n"


NAMES = (
    b"../../../../tmp/evil",
    b"/etc/passwd",
    b"C:\\evil.png",
    b"a\0.png",
    b"a\rb",
    b"\xe2\x80\xaegnp.exe",
    b"\xff\xfe\xfd",
    b"%00%0d%0a",
    b"${jndi:ldap://127.0.0.1/a}",
    b"<script>alert(1)</script>",
    b"a; rm -rf ~",
    b"",
    b"n" * 4000,
)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_used_for_nothing(port, name):
    whole = file("reference", b"no image", PERSON.encode() + name) + file("test", FACES["test"])
    answer = ask(port, form(whole))
    assert answer.status in {400, 422}
    assert PERSON not in answer.body.decode()
    assert PERSON not in str(answer.headers)


def test_a_file_name_in_the_extended_form_is_no_file_name(port):
    head = b"Content-Disposition: form-data; name=reference; filename*=UTF-8''a.png"
    answer = ask(port, form(BOTH.replace(b'name="reference"; filename="x"', head[38:])))
    assert answer.status == 400


@pytest.mark.parametrize("what", ["a length and chunks", "chunks and a length"])
def test_no_request_hides_in_another(port, what):
    make, _ = LENGTHS[what]
    assert SMUGGLED in make()
    with socket.create_connection((HOST, port), 20) as connected:
        connected.sendall(make())
        heard = b"".join(iter(lambda: connected.recv(65536), b""))
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b"alive" not in heard


@pytest.mark.parametrize("pieces", [1, 40])
def test_whoever_sends_too_much_hears_of_it(port, pieces):
    body = bytes(17_000_000 * pieces // 10 + 17_000_000)
    answer = ask(port, post(body, FORM_TYPE, path="/v1/verify"))
    assert answer.status == 413
    assert "16,777,216" in answer.json["detail"]


def test_too_much_in_chunks_is_refused_before_its_end(port):
    with Caller(port) as caller:
        caller.send(post(b"", FORM_TYPE, "Transfer-Encoding: chunked", length=""))
        for _ in range(17):
            caller.send(chunk(bytes(2**20)))
        assert caller.answer().status == 413


@pytest.mark.parametrize(
    "begun",
    [
        post(WHOLE, FORM_TYPE, length=str(len(WHOLE) + 1)),
        post(b"", FORM_TYPE, length="1000000"),
        post(b"fffff\r\nabc", FORM_TYPE, "Transfer-Encoding: chunked", length=""),
        post(b"", FORM_TYPE, "Expect: 100-continue", length="5"),
    ],
)
def test_a_body_that_does_not_come_is_given_up(hasty, begun):
    with Caller(hasty) as caller:
        answer = caller.ask(begun)
        assert answer.status == 408
        assert answer.headers["connection"] == "close"
        assert Problem.model_validate_json(answer.body).status == 408


def test_a_body_that_comes_byte_by_byte_is_given_up(hasty):
    with Caller(hasty) as caller:
        caller.send(post(b"", FORM_TYPE, length="1000"))
        for _ in range(4):
            caller.send(b"a")
            time.sleep(0.05)
        assert caller.answer().status == 408


@pytest.mark.parametrize("begun", [b"", b"GET /li", get("/livez")[:-2], b"POST / HTTP/1.1\r\nX: "])
def test_a_head_that_does_not_come_ends_the_connection(port, monkeypatch, begun):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with socket.create_connection((HOST, port), 20) as connected:
        connected.sendall(begun)
        assert connected.recv(100) == b""


def test_a_head_that_comes_byte_by_byte_ends_the_connection(port, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with socket.create_connection((HOST, port), 20) as connected:
        connected.settimeout(0.05)
        begun, heard = time.monotonic(), None
        while heard != b"":
            assert time.monotonic() - begun < 20
            try:
                connected.sendall(b"X: y\r\n" if heard else b"GET / HTTP/1.1\r\n")
                heard = connected.recv(100)
            except TimeoutError:
                heard = b"nothing yet"
            except ConnectionError:
                break


RANGES = (
    "bytes=" + ",".join(f"{n}-{n}" for n in range(2000)),
    "bytes=" + ",".join(["0-"] * 2000),
    "bytes=" + "0-0," * 2000,
    "bytes=-0",
    "bytes=9-1",
    "bytes=99999999999999999999-",
    "bytes=" + "9" * 5000 + "-",
    "bytes=a-b",
    "lines=0-1",
    "bytes",
)


@pytest.fixture(scope="module")
def with_explainer(tmp_path_factory):
    """A service that gives a file of its bundle away."""
    bundle = tiny.write_bundle(tmp_path_factory.mktemp("with") / "bundle")
    content = tiny.embedder_model().SerializeToString()
    put(bundle, "explainer.onnx", content)
    with started(Settings(bundle)) as running:
        ask(running.port, get("/readyz"))
        yield running.port, content


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/models/explainer.onnx"])
@pytest.mark.parametrize("ranges", RANGES)
def test_many_ranges_are_not_more_work_than_the_file(with_explainer, path, ranges):
    port, _ = with_explainer
    whole = ask(port, get(path))
    answer = ask(port, get(path, f"Range: {ranges}"))
    assert answer.status in {200, 206, 400, 416}
    assert len(answer.body) <= len(whole.body) + 1000


def test_a_range_of_a_file_is_that_range(with_explainer):
    port, content = with_explainer
    answer = ask(port, get("/models/explainer.onnx", "Range: bytes=10-19"))
    assert (answer.status, answer.body) == (206, content[10:20])


@pytest.mark.parametrize("claimed", ['"' + "a" * 9000, "*", "W/", ",,,,", "\xff", '"a"' * 2000])
def test_whatever_a_browser_claims_to_have_it_gets_the_page(with_explainer, claimed):
    port, _ = with_explainer
    assert ask(port, get("/", f"If-None-Match: {claimed}")).status in {200, 304}


def test_many_requests_on_one_connection_are_answered_in_turn(port):
    with Caller(port) as caller:
        for _ in range(50):
            caller.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert caller.answer().body == b"alive\n"
        caller.send(form(BOTH) + form(BOTH, end=END[:5]) + form(BOTH))
        assert [caller.answer().status for _ in range(3)] == [200, 400, 200]


def test_at_last_the_service_still_answers(port, hasty, with_explainer):
    for one in (port, hasty, with_explainer[0]):
        answer = ask(one, about_pair("/v1/verify", photograph(0), photograph(1)))
        assert answer.status == 200
