"""The security headers of every answer."""

import httpx
import pytest

from lpel_serving.service.http import security
from lpel_serving.service.http.messages.problems import MEDIA_TYPE
from lpel_serving.service.http.settings import Limits, Settings
from support.clients import Answer, Caller, about_pair, ask, get, metrics, post
from support.guarded import FACES, FRIEND, KEY, VERIFY, options, serving, with_headers
from support.service import started
from support.slow import held, until


@pytest.fixture(scope="module")
def port(service_bundle):
    with serving(service_bundle) as one:
        yield one


@pytest.fixture(scope="module")
def friendly(service_bundle):
    with serving(service_bundle, api_key=KEY, origins=(FRIEND,)) as one:
        yield one


def careful(answer: Answer) -> None:
    """Check that an answer has the security headers."""
    for name, value in security.HEADERS.items():
        assert answer.headers[name.lower()] == value, name
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] in {"no-store", "no-cache"}
    assert len(answer.headers["x-request-id"]) == 16


ANSWERS = {
    "JSON": (VERIFY, 200),
    "npz": (about_pair("/v1/explain", *FACES, "Accept: application/x-npz"), 200),
    "PNG": (about_pair("/v1/explain", *FACES, "Accept: image/png"), 200),
    "lines": (about_pair("/v1/assess", *FACES, "Accept: application/x-ndjson"), 200),
    "the page": (get("/"), 200),
    "a style": (get("/page/style.css"), 200),
    "a script": (get("/page/main.js"), 200),
    "the protocol": (get("/v2"), 200),
    "numbers": (get("/metrics"), 200),
    "life": (get("/livez"), 200),
    "no form": (post("/v1/verify", b"", "Content-Type: multipart/form-data"), 400),
    "two lengths": (post("/v1/verify", b"", "Transfer-Encoding: chunked"), 400),
    "another origin": (with_headers(get("/"), "Origin: null"), 403),
    "nothing": (get("/nothing"), 404),
    "nothing of the protocol": (get("/v2/models/none"), 404),
    "another method": (get("/v1/verify"), 405),
    "another kind": (about_pair("/v1/explain", *FACES, "Accept: text/html"), 406),
    "too much": (post("/v1/verify", bytes(17_000_000), "Content-Type: application/json"), 413),
    "of no type": (post("/v1/verify", b""), 415),
    "another host": (with_headers(get("/"), "Host: evil.example"), 421),
    "no image": (about_pair("/v1/verify", b"a", b"b"), 422),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_browsers_are_told_to_be_careful_with_every_answer(port, what):
    request_, status = ANSWERS[what]
    answer = ask(port, request_)
    assert answer.status == status
    careful(answer)


def test_they_are_too_when_only_the_head_is_asked_for(port):
    answer = httpx.head(f"http://127.0.0.1:{port}/")
    assert (answer.status_code, answer.content) == (200, b"")
    careful(Answer(200, dict(answer.headers), b""))


def test_they_are_too_when_they_have_it_already(port):
    etag = ask(port, get("/")).headers["etag"]
    answer = ask(port, with_headers(get("/"), f"If-None-Match: {etag}"))
    assert answer.status == 304
    careful(answer)


def test_they_are_too_when_a_key_is_lacking_or_permission_is_asked(friendly):
    answer = ask(friendly, get("/v1/about"))
    assert answer.status == 401
    careful(answer)
    answer = ask(
        friendly, options("/v1/about", f"Origin: {FRIEND}", "Access-Control-Request-Method: GET")
    )
    assert answer.headers.pop("cross-origin-resource-policy") == "cross-origin"
    careful(Answer(204, answer.headers | {"cross-origin-resource-policy": "same-origin"}, b""))


def test_they_are_too_when_there_is_no_room_or_no_time(service_bundle):
    limits = Limits(admitted=1, uploads=1, stall_seconds=0.5)
    with (
        started(Settings(service_bundle, limits=limits)) as running,
        Caller(running.port) as crowded,
        Caller(running.port) as stalled,
        Caller(running.port) as inside,
    ):
        crowded.send(VERIFY[:-10])
        until(lambda: metrics(running.port)["lpel_uploads_under_way"] == 1)
        stalled.send(VERIFY[:-10])
        answers = [crowded.answer(), stalled.answer()]
        with held(running.service.explainer):
            inside.send(VERIFY)
            until(lambda: metrics(running.port)["lpel_requests_inside"] == 1)
            answers.append(ask(running.port, VERIFY))
    assert [answer.status for answer in answers] == [503, 408, 503]
    for answer in answers:
        careful(answer)
        assert answer.status == 408 or int(answer.headers["retry-after"]) >= 1


def test_they_are_too_when_the_fault_is_ours_which_nobody_else_learns_of(service, monkeypatch):
    async def fail(*_, **__):
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(service.service, "face", fail)
    answer = ask(int(service.address.rpartition(":")[2]), VERIFY)
    assert (answer.status, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert b"secret" not in answer.body
    careful(answer)


def test_a_request_is_called_as_we_call_it(port):
    named = [ask(port, with_headers(get("/livez"), "X-Request-ID: mine")) for _ in range(2)]
    first, second = (answer.headers["x-request-id"] for answer in named)
    assert first != second
    assert "mine" not in {first, second}


def test_answers_are_kept_by_nobody_and_the_page_is_asked_about_each_time(port):
    assert ask(port, VERIFY).headers["cache-control"] == "no-store"
    assert ask(port, get("/v1/about")).headers["cache-control"] == "no-store"
    page = ask(port, get("/"))
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["etag"].startswith('"')
