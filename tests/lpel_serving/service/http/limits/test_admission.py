"""More clients than there is room for: everybody is answered, and nobody waits for nothing."""

import threading
from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest

from lpel_serving.service.explanation_service import SLOW_AT_ONCE, SLOW_WAITING
from lpel_serving.service.http.settings import Limits, Settings
from support import slow, tiny
from support.clients import Caller, about_pair, ask, ask_at_once, get, metrics, photograph, post
from support.service import started

CAPACITY = 4
EXPLAIN = "/v1/explain"


@pytest.fixture(scope="module")
def small_service(service_bundle):
    """A service with room for few, and no cache."""
    limits = Limits(admitted=CAPACITY)
    with started(Settings(service_bundle, cache_bytes=0, limits=limits)) as running:
        ask(running.port, get("/readyz"))
        yield running


@pytest.fixture(scope="module")
def hasty_service(service_bundle):
    """A service that gives a request half a second."""
    settings = Settings(service_bundle, cache_bytes=0, limits=Limits(seconds=0.5))
    with started(settings) as running:
        ask(running.port, get("/readyz"))
        yield running


def explain(number: int, **fields: str) -> bytes:
    """A request to explain a pair that no other number has."""
    return about_pair(EXPLAIN, photograph(2 * number), photograph(2 * number + 1), **fields)


@contextmanager
def filled(running):
    """Hold a service that is filled to the last place; at the end, all inside are answered."""
    with ExitStack() as stack:
        hold = stack.enter_context(slow.held(running.service.explainer))
        callers = [stack.enter_context(Caller(running.port)) for _ in range(CAPACITY)]
        for number, caller in enumerate(callers):
            caller.send(explain(number))
        slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == CAPACITY)
        yield
        hold.let_go()
        assert [caller.answer().status for caller in callers] == [200] * CAPACITY


def check_turned_away(answer) -> None:
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json["status"] == 503
    assert str(CAPACITY) in answer.json["detail"]


def test_ten_times_as_many_clients_as_there_is_room_for(small_service):
    port = small_service.port
    before = metrics(port)["lpel_requests_refused_total"]
    probes, done = [], threading.Event()

    def probe():
        while not done.is_set():
            probes.extend(ask(port, get(path)).status for path in ("/livez", "/metrics"))

    prober = threading.Thread(target=probe)
    prober.start()
    answers = ask_at_once(port, [explain(number) for number in range(10 * CAPACITY)])
    done.set()
    prober.join()
    counts = Counter(answer.status for answer in answers)
    assert set(counts) <= {200, 503}
    assert counts[200] >= CAPACITY
    assert set(probes) == {200}
    now = metrics(port)
    assert now["lpel_requests_refused_total"] - before == counts[503]
    assert now["lpel_requests_inside"] == now["lpel_crops_waiting"] == 0
    assert ask(port, explain(0)).status == 200


def test_a_full_service_turns_away_at_once_and_answers_those_inside(small_service):
    with filled(small_service):
        for answer in ask_at_once(small_service.port, [explain(99)] * 8):
            check_turned_away(answer)
        assert metrics(small_service.port)["lpel_requests_inside"] == CAPACITY


def test_who_is_turned_away_may_ask_again_on_the_same_connection(small_service):
    with Caller(small_service.port) as late:
        with filled(small_service):
            check_turned_away(late.ask(explain(99)))
        assert late.ask(explain(99)).status == 200


def test_who_is_turned_away_hears_so_though_its_body_is_still_on_the_way(small_service):
    request = post(EXPLAIN, bytes(12 * 2**20))  # more than the sockets' buffers take
    with filled(small_service):
        for answer in ask_at_once(small_service.port, [request] * 4):
            check_turned_away(answer)


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/assess"])
def test_everything_that_computes_is_turned_away_alike(small_service, path):
    with filled(small_service):
        check_turned_away(ask(small_service.port, post(path, b"{}")))


def test_the_open_inference_protocol_turns_away_in_its_own_words(small_service):
    with filled(small_service):
        answer = ask(small_service.port, post("/v2/models/embedder/infer", b"{}"))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert str(CAPACITY) in answer.json["error"]


def test_what_computes_nothing_is_answered_by_a_full_service(small_service):
    with filled(small_service):
        for path in ("/livez", "/readyz", "/metrics", "/v1/methods", "/v1/about", "/v2"):
            assert ask(small_service.port, get(path)).status == 200


def test_long_work_is_bounded_and_does_not_keep_short_work_waiting(tmp_path):
    bundle = tiny.write_bundle(tmp_path, embedder=slow.embedder(500), responds=True)
    with started(Settings(bundle)) as running, ExitStack() as stack:
        port = running.port
        ask(port, get("/readyz"))
        places = range(SLOW_AT_ONCE + SLOW_WAITING)
        long = [stack.enter_context(Caller(port)) for _ in places]
        for number, caller in enumerate(long):
            caller.send(explain(number, method="occlusion"))
        slow.until(lambda: running.service._slow.inside == SLOW_AT_ONCE + SLOW_WAITING)
        refused = ask(port, explain(99, method="occlusion"))
        assert int(refused.headers["retry-after"]) >= 1
        assert "too many long requests" in refused.json["detail"]
        assert ask(port, explain(1000)).status == 200
        assert metrics(port)["lpel_requests_inside"] == len(long)  # all of them still at it
        for caller in long[1:]:
            caller.leave()
        assert long[0].answer().status == 200
        slow.until(lambda: metrics(port)["lpel_requests_inside"] == 0)
        assert ask(port, explain(99, method="occlusion")).status == 200


class TestDeadline:
    def check_late(self, running, answer):
        assert answer.status == 504
        assert answer.headers["content-type"] == "application/problem+json"
        assert "longer than a request may take" in answer.json["detail"]
        slow.until(lambda: running.service.waiting == 0)
        embedded = running.service.counters.embedded
        assert ask(running.port, get("/livez")).status == 200
        assert metrics(running.port)["lpel_requests_inside"] == 0
        assert (
            running.service.counters.embedded <= embedded + 4
        )  # what was in hand, and nothing more

    def test_short_work_that_is_late(self, hasty_service):
        with slow.held(hasty_service.service.explainer):
            answer = ask(hasty_service.port, explain(0))
        self.check_late(hasty_service, answer)

    @pytest.mark.parametrize("method", ["occlusion", "xface", "corrrise"])
    def test_long_work_that_is_late(self, hasty_service, method):
        with slow.held(hasty_service.service.explainer) as hold:
            hold.let_go(3)
            answer = ask(hasty_service.port, explain(0, method=method))
        self.check_late(hasty_service, answer)

    def test_one_whose_thread_does_not_look_up(self, hasty_service):
        free = threading.Event()
        try:
            for _ in range(SLOW_AT_ONCE):
                hasty_service.service._slow._pool.submit(free.wait)
            answer = ask(hasty_service.port, explain(0, method="occlusion"))
        finally:
            free.set()
        self.check_late(hasty_service, answer)

    def test_one_whose_turn_does_not_come(self, hasty_service):
        turns = hasty_service.service._slow._turns
        turns._value = 0
        answer = ask(hasty_service.port, explain(0, method="occlusion"))
        turns._value = SLOW_AT_ONCE
        self.check_late(hasty_service, answer)

    def test_the_last_line_of_a_stream_says_so(self, hasty_service):
        request = about_pair(
            "/v1/assess", photograph(0), photograph(1), "Accept: application/x-ndjson"
        )
        with slow.held(hasty_service.service.explainer) as hold:
            hold.let_go(2)
            answer = ask(hasty_service.port, request)
        assert answer.status == 200
        assert answer.lines[-1]["problem"]["status"] == 504
        assert all(set(line) == {"progress"} for line in answer.lines[:-1])
