"""Who is let in: under which name, from which pages, with which key."""

import httpx
import pytest

from lpel_serving.service.http import security
from lpel_serving.service.http.app import build_app
from lpel_serving.service.http.messages.problems import MEDIA_TYPE
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import ParameterError
from support.clients import Caller, ask, get, post
from support.guarded import FRIEND, KEY, VERIFY, options, serving, with_headers


@pytest.fixture(scope="module")
def port(service_bundle):
    with serving(service_bundle) as one:
        yield one


@pytest.fixture(scope="module")
def keyed(service_bundle):
    with serving(service_bundle, api_key=KEY) as one:
        yield one


@pytest.fixture(scope="module")
def friendly(service_bundle):
    with serving(service_bundle, api_key=KEY, origins=(FRIEND,)) as one:
        yield one


# Hosts


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.1:8000", "localhost:1", "[::1]:80"]
)
def test_the_service_answers_to_the_names_of_this_machine(port, host):
    assert ask(port, with_headers(get("/v1/about"), f"Host: {host}")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:localhost",
        "localhost@evil.example",
        "127.0.0.2",
        "0.0.0.0",  # noqa: S104
        "127.1",
        "2130706433",
        "[::]",
        "::1",
        "localhost:x",
        "localhost:",
        "",
        "\xe4",
    ],
)
@pytest.mark.parametrize("request_", [get("/"), get("/livez"), get("/v1/about"), VERIFY])
def test_the_service_answers_to_no_other_name(port, host, request_):
    answer = ask(port, with_headers(request_, f"Host: {host}"))
    assert (answer.status, answer.headers["content-type"]) == (421, MEDIA_TYPE)


# Origins


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://localhost",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "http://127.0.0.1/",
        FRIEND,
        "",
    ],
)
@pytest.mark.parametrize("request_", [get("/v1/about"), VERIFY, get("/"), options("/v1/verify")])
def test_pages_of_other_origins_are_not_let_in(port, origin, request_):
    answer = ask(port, with_headers(request_, f"Origin: {origin}"))
    assert (answer.status, answer.headers["content-type"]) == (403, MEDIA_TYPE)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://127.0.0.1"])
def test_the_own_page_is_let_in_and_needs_no_permission(port, origin):
    answer = ask(port, with_headers(VERIFY, f"Origin: {origin}"))
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_without_an_origin_nobody_is_told_of_permissions(port):
    answer = ask(port, VERIFY)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("request_", [VERIFY, get("/v1/about"), get("/nothing"), get("/")])
def test_a_named_origin_may_read_every_answer(friendly, request_):
    for key in (f"X-API-Key: {KEY}", "X-API-Key: wrong"):
        answer = ask(friendly, with_headers(request_, f"Origin: {FRIEND}", key))
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", f"{FRIEND}.evil.example", "null"])
def test_other_origins_may_not_though_one_is_named(friendly, origin):
    answer = ask(friendly, with_headers(VERIFY, f"Origin: {origin}", f"X-API-Key: {KEY}"))
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_named_origin_may_ask_what_it_may_send(friendly):
    asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-api-key")
    answer = ask(friendly, options("/v1/explain", f"Origin: {FRIEND}", *asked))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"content-type", "x-api-key", "authorization", "accept"} <= set(allowed)


# Keys

WRONG = (
    (),
    ("X-API-Key: ",),
    ("Authorization: Bearer ",),
    ("Authorization: Bearer",),
    (f"Authorization: {KEY}",),
    (f"Authorization: Basic {KEY}",),
    (f"Authorization: Token {KEY}",),
    (f"X-API-Key: {KEY[:-1]}",),
    (f"X-API-Key: {KEY}a",),
    (f"X-API-Key: {KEY.upper()}",),
    (f"X-API-Key: {KEY[1:]}",),
    (f"X-API-Key: {KEY} {KEY}",),
    (f"X-API-Key: {KEY},{KEY}",),
    ("X-API-Key: corr\xe9ct-horse-battery",),
    ("X-API-Key: \xff\xfe",),
    ("X-API-Key: None",),
    (f"X-API-Key: {'a' * 9000}",),
    (f"Authorization: Bearer wrong-{KEY}", f"X-API-Key: wrong-{KEY}"),
    (f"Cookie: key={KEY}",),
)


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize("request_", [get("/v1/about"), VERIFY, get("/v2")])
def test_a_wrong_key_is_no_key(keyed, headers, request_):
    answer = ask(keyed, with_headers(request_, *headers))
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert KEY not in answer.body.decode()


@pytest.mark.parametrize(
    "header",
    [
        f"X-API-Key: {KEY}",
        f"x-api-key:   {KEY}  ",
        f"Authorization: Bearer {KEY}",
        f"Authorization: bearer {KEY}",
        f"Authorization: Bearer of-a-gateway\r\nX-API-Key: {KEY}",
    ],
)
@pytest.mark.parametrize("request_", [get("/v1/about"), VERIFY, get("/v2"), get("/metrics")])
def test_the_api_key_opens_the_service(keyed, header, request_):
    assert ask(keyed, with_headers(request_, header)).status == 200


OPEN = ("/", "/page/", "/runtime/", "/livez", "/readyz", "/openapi.json")
"""What a key is not needed for: the page, the document, and whether the service lives."""


def test_all_but_the_page_needs_the_key(service, keyed):
    app = build_app(service.service, service.settings)
    paths = {route.path.replace("{rest:path}", "/health/live") for route in app.routes}
    assert {"/v1/explain", "/v1/about", "/metrics", "/v2/health/live", "/"} <= paths
    for path in paths:
        free = path == "/" or path.startswith(OPEN[1:])
        statuses = {ask(keyed, get(path)).status, ask(keyed, post(path, b"")).status}
        statuses.add(httpx.head(f"http://127.0.0.1:{keyed}{path}").status_code)
        assert (401 not in statuses) if free else (statuses == {401}), path


@pytest.mark.parametrize(
    "path", ["/%761/about", "/v1%2fabout", "/%76%31/%61bout", "/v1/about?key=" + KEY, "/v1/none"]
)
def test_another_spelling_of_a_path_needs_the_key_too(keyed, path):
    assert ask(keyed, get(path)).status == 401


@pytest.mark.parametrize("path", ["//v1/about", "/./v1/about", "/V1/about", "/page/../v1/about"])
def test_what_looks_like_a_guarded_path_leads_nowhere(keyed, path):
    assert ask(keyed, get(path)).status == 404


def test_keys_are_compared_in_a_time_that_tells_nothing(keyed, monkeypatch):
    compared = []

    def compare(given: bytes, key: bytes) -> bool:
        compared.append((given, key))
        return given == key

    monkeypatch.setattr(security.hmac, "compare_digest", compare)
    assert ask(keyed, with_headers(get("/v1/about"), "X-API-Key: wrong")).status == 401
    assert ask(keyed, with_headers(get("/v1/about"), f"X-API-Key: {KEY}")).status == 200
    assert {given for given, _ in compared} >= {b"wrong", KEY.encode()}
    assert {key for _, key in compared} == {KEY.encode()}


def test_without_the_key_nothing_is_read_or_computed(keyed):
    with Caller(keyed) as caller:
        caller.send(post("/v1/explain", b"")[:-4].replace(b": 0", b": 1000000") + b"\r\n\r\n")
        assert caller.answer().status == 401


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.1", "10.0.0.1", "example.org", "", "127.0.0.1.example.org"],  # noqa: S104
)
def test_beyond_this_machine_a_key_is_needed(service_bundle, host):
    with pytest.raises(ParameterError, match="LPEL_API_KEY"):
        Settings(service_bundle, host=host)
    assert Settings(service_bundle, host=host, api_key=KEY).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_on_this_machine_none_is_needed(service_bundle, host):
    assert Settings(service_bundle, host=host).api_key is None


@pytest.mark.parametrize("key", ["", "short", "fifteen-letters", "geh\xe4ssig" * 4])
def test_a_key_that_is_no_good_is_refused_unsaid(service_bundle, key):
    with pytest.raises(ParameterError, match="16 characters") as caught:
        Settings(service_bundle, api_key=key)
    assert not key or key not in str(caught.value)


def test_a_key_is_not_shown_with_the_settings(service_bundle):
    assert KEY not in repr(Settings(service_bundle, api_key=KEY))
