"""Methods that cannot be asked, that cannot finish, and that take long: over real HTTP."""

import json
import time

import httpx
import pytest

from lpel_serving.service.http.schemas.answers import AboutAnswer, MethodsAnswer, Problem
from lpel_serving.service.http.settings import Limits, Settings
from support import plugins, slow, tiny
from support.clients import Caller, about_pair, metrics, photograph
from support.service import started

SECONDS = 120
STREAM = "application/x-ndjson"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service whose embedder takes its time, with the methods of another package."""
    folder = tmp_path_factory.mktemp("long")
    bundle = plugins.slow_bundle(folder / "bundle", milliseconds=4)
    with pytest.MonkeyPatch.context() as patch:
        plugins.install(folder / "other", patch)
        settings = Settings(bundle, limits=Limits(seconds=SECONDS))
        with started(settings) as one:
            yield one


@pytest.fixture(scope="module")
def client(running):
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=120) as one:
        yield one


@pytest.fixture(scope="module")
def pairs(client):
    """A pair of each decision."""
    found = {
        "similar": {"reference": photograph(1), "test": photograph(2)},
        "dissimilar": {"reference": photograph(0), "test": photograph(1)},
    }
    for decision, files in found.items():
        assert client.post("/v1/verify", files=files).json()["decision"] == decision
    return found


def explain(client, files, path="/v1/explain", accept="application/json", **fields):
    return client.post(path, files=files, data=fields, headers={"Accept": accept})


def check_refused(answer, *words):
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" not in answer.headers  # to ask again would not help
    problem = Problem.model_validate_json(answer.content)
    for word in words:
        assert word in problem.detail
    return problem.about


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/assess"])
@pytest.mark.parametrize("accept", ["application/json", STREAM])
@pytest.mark.parametrize(
    ("method", "decision", "only"),
    [("emsnn", "dissimilar", "similar"), ("picky", "similar", "dissimilar")],
)
def test_a_decision_that_a_method_does_not_explain(
    client, pairs, path, accept, method, decision, only
):
    answer = explain(client, pairs[decision], path, accept, method=method)
    words = (f"method {method} ", f"{only} pairs alone", f"called {decision}", "such as responses")
    assert check_refused(answer, *words) == "method"
    assert explain(client, pairs[only], path, accept, method=method).status_code == 200


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/assess"])
def test_what_cannot_finish_is_refused_and_nothing_is_embedded_for_it(running, client, pairs, path):
    for files in pairs.values():
        before = running.service.counters.embedded
        answer = explain(client, files, path, STREAM, method="endless")
        said = ("endless", "images", f"{SECONDS} s", "was not begun", "lpel ", "--method endless")
        assert check_refused(answer, *said) == "method"
        assert running.service.counters.embedded <= before + 2


def test_a_curve_that_cannot_finish_names_what_to_make_smaller(client, pairs, running):
    pace = running.service.pace
    before, pace._seconds = pace._seconds, 10_000 * pace._seconds  # as on a slower machine
    try:
        answer = explain(client, pairs["similar"], "/v1/assess", draws=20, every=1)
    finally:
        pace._seconds = before
    assert check_refused(answer, "curve", "fewer `draws`") == "draws"


def test_methods_that_fail_stop_nobody_and_are_named(client, pairs):
    found = {one["name"]: one for one in client.get("/v1/methods").json()["methods"]}
    assert not found["broken"]["available"]
    assert "ZeroDivisionError" in found["broken"]["reason"]
    assert "AttributeError" in found["missing"]["reason"]
    for name in ("broken", "missing"):
        answer = explain(client, pairs["similar"], method=name)
        assert check_refused(answer, name, "cannot be used here") == "method"
    answer = explain(client, pairs["similar"], method="fragile")
    problem = answer.json()
    assert (answer.status_code, problem["about"]) == (500, "method")
    assert "the method fragile failed with ZeroDivisionError" in problem["detail"]
    assert "secret" not in answer.text
    assert explain(client, pairs["dissimilar"], method="fragile").status_code in {200, 500}


@pytest.mark.parametrize("fields", [{"method": "nobody"}, {"p": 0.2, "method": "responses"}])
def test_a_wrong_field_of_a_method_is_named(client, pairs, fields):
    answer = explain(client, pairs["similar"], **fields)
    assert check_refused(answer) == next(iter(fields))


def test_a_bundle_without_responses_says_so(tiny_bundle):
    with started(Settings(tiny_bundle)) as one:
        address = f"http://127.0.0.1:{one.port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            files = {"reference": photograph(0), "test": photograph(1)}
            answer = explain(client, files, method="responses")
            assert check_refused(answer, "no response decoder") == "method"


class TestWhatIsSaid:
    @pytest.mark.parametrize("path", ["/v1/methods", "/v1/about"])
    def test_every_method_says_how_long_it_takes_and_whether_it_can(self, client, path):
        model = {"/v1/about": AboutAnswer, "/v1/methods": MethodsAnswer}[path]
        listed = model.model_validate_json(client.get(path).content).methods
        found = {one.name: one for one in listed}
        assert found["responses"].seconds == 0
        assert found["endless"].seconds > 1.5 * SECONDS
        assert not found["endless"].finishes
        assert all(not cost.finishes for cost in found["endless"].costs.values())
        assert found["patient"].finishes
        assert found["patient"].costs["similar"].embeddings == 2 * plugins.PATIENT
        costs = found["coalitions"].costs
        assert costs["similar"].seconds == pytest.approx(costs["dissimilar"].seconds)

    def test_limits_say_how_long_a_request_may_take(self, client):
        assert client.get("/v1/about").json()["limits"]["seconds"] == SECONDS

    def test_lines_are_offered_in_openapi(self, client):
        document = client.get("/openapi.json").json()
        said = document["paths"]["/v1/explain"]["post"]["responses"]["200"]["content"]
        assert STREAM in said


class TestLines:
    def test_they_tell_progress_and_end_in_the_answer(self, client, pairs):
        for decision, files in pairs.items():
            whole = explain(client, files, method="hybrid").json()
            answer = explain(client, files, accept=STREAM, method="hybrid")
            assert answer.headers["content-type"].startswith(STREAM)
            *progress, last = map(json.loads, answer.text.splitlines())
            assert last == {"result": whole}
            assert whole["decision"] == decision
            reports = [one["progress"] for one in progress]
            done = [one["done"] for one in reports]
            assert done == sorted(done)
            assert done[0] == 0
            assert len(done) > 10
            assert {one["total"] for one in reports} == {done[-1]}

    def test_of_a_method_of_another_package_too(self, client, pairs):
        answer = explain(client, pairs["similar"], accept=STREAM, method="patient")
        *progress, last = map(json.loads, answer.text.splitlines())
        assert last["result"]["method"]["name"] == "patient"
        assert progress[-1]["progress"] == {"done": 600, "total": 600}
        assert len(progress) >= 600 / 4

    def test_a_method_that_embeds_nothing_is_one_line(self, client, pairs):
        lines = explain(client, pairs["similar"], accept=STREAM).text.splitlines()
        assert [set(json.loads(line)) for line in lines] == [{"result"}]

    def test_a_curve_counts_the_map_too(self, client, pairs):
        answer = explain(
            client, pairs["similar"], "/v1/assess", STREAM, method="patient", draws=2, every=16
        )
        *progress, last = map(json.loads, answer.text.splitlines())
        reports = [one["progress"] for one in progress]
        done = [one["done"] for one in reports]
        assert done == sorted(done)
        assert done[-1] == reports[0]["total"] > plugins.PATIENT
        assert "result" in last


def is_idle(service) -> bool:
    return not service.running and not service.waiting


def test_the_work_stops_with_whoever_asked(running):
    service = running.service
    slow.until(lambda: is_idle(service))
    before = service.counters.embedded
    request = about_pair(
        "/v1/explain", photograph(50), photograph(51), f"Accept: {STREAM}", method="patient"
    )
    with Caller(running.port) as caller:
        caller.send(request)
        response = caller.begin()
        assert b'"done":0' in response.readline()
        assert b'"done":4' in response.readline()
        response.close()
    slow.until(lambda: is_idle(service))
    embedded = service.counters.embedded
    assert embedded - before < plugins.PATIENT
    time.sleep(0.3)
    assert service.counters.embedded == embedded
    slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == 0)


def test_time_that_is_over_says_what_to_do_and_not_to_come_back_at_once(tmp_path):
    bundle = tiny.write_bundle(tmp_path, embedder=slow.embedder(30), responds=True)
    with (
        started(Settings(bundle, limits=Limits(seconds=1))) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
        slow.held(one.service.explainer) as hold,
    ):
        hold.let_go(4)  # as if all else held the machine up
        files = {"reference": photograph(0), "test": photograph(1)}
        answer = explain(client, files, method="occlusion")
        assert answer.status_code == 504
        assert "retry-after" not in answer.headers
        detail = answer.json()["detail"]
        for words in ("longer than a request may take", "the method occlusion embeds", "lpel exp"):
            assert words in detail


class TestWhatIsMeasured:
    """Neither a busy nor an idle moment has a method refused that can finish."""

    def test_what_others_do_does_not_count(self, running, client):
        before = running.service.pace.seconds(1)
        with slow.held(running.service.explainer) as hold:
            hold.let_go(0)
            with Caller(running.port) as caller:
                caller.send(about_pair("/v1/verify", photograph(70), photograph(71)))
                hold.wait_for(1)
                time.sleep(1)  # the embedder is held up by something else
                hold.let_go()
                assert caller.answer().status == 200
        assert running.service.pace.seconds(1) < 1.5 * before

    def test_a_slow_measurement_is_measured_anew_before_it_refuses(self, running, client, pairs):
        pace = running.service.pace
        before = pace._seconds
        # Occlusion would take twice as long as it may.
        pace._seconds, pace._latest = 2 * SECONDS / 128, -1e9
        assert not {one["name"]: one for one in client.get("/v1/methods").json()["methods"]}[
            "occlusion"
        ]["finishes"]
        assert explain(client, pairs["similar"], method="occlusion").status_code == 200
        assert pace._seconds < 3 * before
