"""Clients that go away: nothing is computed for nobody, and nobody else suffers by it."""

import time
from contextlib import ExitStack

import numpy as np
import pytest

from lpel_serving.engine.explainer import Explainer
from lpel_serving.service.explanation_service import SLOW_AT_ONCE, SLOW_WAITING
from lpel_serving.service.http.settings import Limits, Settings
from support import slow, tiny
from support.clients import Caller, about_pair, ask, get, metrics, photograph
from support.service import occupied, started

EXPLAIN = "/v1/explain"
STREAM = "Accept: application/x-ndjson"


@pytest.fixture(scope="module")
def running(service_bundle):
    with started(Settings(service_bundle, cache_bytes=0)) as one:
        ask(one.port, get("/readyz"))
        yield one


@pytest.fixture(scope="module")
def slow_running(tmp_path_factory):
    """A service whose every inference really computes for a second or more."""
    folder = tmp_path_factory.mktemp("slow")
    bundle = tiny.write_bundle(folder, embedder=slow.embedder(10_000), responds=True)
    patient = Limits(seconds=36_000)  # or what takes hours would be refused
    with started(Settings(bundle, cache_bytes=0, limits=patient)) as one:
        ask(one.port, get("/readyz"))
        yield one


@pytest.fixture(scope="module")
def inference_seconds(slow_running):
    """How long an inference of one pair takes there, undisturbed; the least of three."""
    crops = np.zeros((2, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3), np.uint8)
    times = []
    for _ in range(3):
        begun = time.monotonic()
        slow_running.service.explainer.embedder.embed(crops)
        times.append(time.monotonic() - begun)
    return min(times)


def pair(number: int, *headers: str, path: str = EXPLAIN, **fields: str) -> bytes:
    return about_pair(path, photograph(2 * number), photograph(2 * number + 1), *headers, **fields)


def gone(running, path: str = EXPLAIN) -> float:
    """How many requests ended because their clients went away."""
    return metrics(running.port).get(f'lpel_requests_total{{route="{path}",status="499"}}', 0)


def is_idle(running) -> bool:
    """Whether nothing is computed or waits."""
    batcher = running.service._batcher
    return not batcher._running and not batcher.waiting


def check_left(running, before: float, path: str = EXPLAIN) -> None:
    """The one that left is counted as such, and the service is as good as new."""
    slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == 0)
    assert gone(running, path) == before + 1
    assert is_idle(running)


def test_during_the_upload(running):
    before = gone(running)
    request = pair(0)
    with Caller(running.port) as caller:
        caller.send(request[: len(request) // 2])
        slow.until(lambda: metrics(running.port)["lpel_uploads_under_way"] == 1)
    slow.until(lambda: metrics(running.port)["lpel_uploads_under_way"] == 0)
    check_left(running, before)


def test_while_it_waits_for_its_turn(running):
    before = gone(running)
    with occupied(running) as hold:
        busy = metrics(running.port)["lpel_requests_inside"]
        with Caller(running.port) as caller:
            caller.send(pair(0))
            slow.until(lambda: running.service.waiting == 2)
        slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == busy)
    assert set(hold.batches) == {1}  # its crops were never embedded
    check_left(running, before)


def test_an_inference_is_ended_in_the_middle(slow_running, inference_seconds):
    before, embedded = gone(slow_running), slow_running.service.counters.embedded
    with Caller(slow_running.port) as caller:
        caller.send(pair(0))
        slow.until(lambda: slow_running.service._batcher._running)
    assert slow.until(lambda: is_idle(slow_running)) < inference_seconds / 2
    check_left(slow_running, before)
    assert slow_running.service.counters.embedded == embedded


@pytest.mark.parametrize("method", ["occlusion", "xface", "coalitions"])
def test_long_work_ends(slow_running, inference_seconds, method):
    before, embedded = gone(slow_running), slow_running.service.counters.embedded
    with Caller(slow_running.port) as caller:
        caller.send(pair(0, method=method))
        slow.until(
            lambda: slow_running.service.counters.embedded > embedded + 2
        )  # the pair, and more
    assert slow.until(lambda: is_idle(slow_running)) < inference_seconds / 2
    check_left(slow_running, before)


def test_all_places_for_long_work_are_free_again(slow_running):
    with ExitStack() as stack:
        for number in range(SLOW_AT_ONCE + SLOW_WAITING):
            caller = stack.enter_context(Caller(slow_running.port))
            caller.send(pair(number, method="occlusion"))
        slow.until(
            lambda: slow_running.service._slow.inside == SLOW_AT_ONCE + SLOW_WAITING, seconds=60
        )
    slow.until(lambda: slow_running.service._slow.inside == 0)


def test_an_assessment_ends(slow_running, inference_seconds):
    before = gone(slow_running, "/v1/assess")
    with Caller(slow_running.port) as caller:
        caller.send(pair(0, path="/v1/assess"))
        slow.until(lambda: slow_running.service._batcher._running)
        embedded = slow_running.service.counters.embedded
        slow.until(lambda: slow_running.service.counters.embedded > embedded + 2)
    assert slow.until(lambda: is_idle(slow_running)) < inference_seconds / 2
    check_left(slow_running, before, "/v1/assess")


def test_an_assessment_ends_though_its_answer_has_begun(slow_running, inference_seconds):
    embedded = slow_running.service.counters.embedded
    with Caller(slow_running.port) as caller:
        caller.send(pair(0, STREAM, path="/v1/assess", draws="20"))
        response = caller.begin()
        assert response.status == 200
        assert b"progress" in response.readline()
        response.close()
    assert slow.until(lambda: is_idle(slow_running)) < inference_seconds / 2
    slow.until(lambda: metrics(slow_running.port)["lpel_requests_inside"] == 0)
    assert slow_running.service.counters.embedded <= embedded + 2 + 4


class TestOthers:
    """Whoever stays is answered as if nobody had left."""

    def check(self, answer, first: bytes, second: bytes, bundle) -> None:
        alone = Explainer.load(bundle).explain(first, second)
        assert answer.status == 200
        assert answer.json["similarity"] == alone.similarity

    def test_in_the_same_batch(self, running, service_bundle):
        with (
            occupied(running) as hold,
            Caller(running.port) as leaver,
            Caller(running.port) as stayer,
        ):
            busy = metrics(running.port)["lpel_requests_inside"]
            leaver.send(pair(1))
            stayer.send(pair(2))
            slow.until(lambda: running.service.waiting == 4)
            held = len(hold.batches)
            hold.let_go(1)  # so that one thread takes all that waits
            hold.wait_for(held + 1)
            assert hold.batches[-1] == 4
            leaver.leave()
            slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == busy)
            hold.let_go()
            self.check(stayer.answer(), photograph(4), photograph(5), service_bundle)

    @pytest.mark.parametrize("leaver", [0, 1])
    def test_who_wait_for_the_same_images(self, running, service_bundle, leaver):
        embedded = running.service.counters.embedded
        with (
            slow.held(running.service.explainer) as hold,
            Caller(running.port) as first,
            Caller(running.port) as second,
        ):
            first.send(pair(0))
            hold.wait_for(1)
            second.send(pair(0))
            under_way = running.service._shared._tasks
            slow.until(lambda: [one.waiting for one in under_way.values()] == [2, 2])
            (first, second)[leaver].leave()
            slow.until(lambda: metrics(running.port)["lpel_requests_inside"] == 1)
            hold.let_go()
            stayer = (second, first)[leaver]
            self.check(stayer.answer(), photograph(0), photograph(1), service_bundle)
        assert running.service.counters.embedded == embedded + 2
