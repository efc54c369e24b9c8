"""What requests share: batches, faces that are at hand, and work that is under way."""

import base64
import gc
import itertools
import weakref
from contextlib import ExitStack

import numpy as np
import pytest

from lpel_serving.engine.explainer import Explainer
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.http.settings import Limits, Settings
from lpel_serving.service.networks import CancellableNetworks
from support import slow
from support.clients import Caller, about_pair, ask, ask_at_once, get, metrics, photograph
from support.images import pixels
from support.service import occupied, started

EXPLAIN = "/v1/explain"
IMAGES = 6
PAIRS = list(itertools.permutations(range(IMAGES), 2))


@pytest.fixture
def running(service_bundle):
    with started(Settings(service_bundle)) as one:
        ask(one.port, get("/readyz"))
        yield one


@pytest.fixture
def private(service_bundle):
    """A service that keeps no face."""
    with started(Settings(service_bundle, cache_bytes=0)) as one:
        ask(one.port, get("/readyz"))
        yield one


@pytest.fixture(scope="module")
def engine(service_bundle):
    return Explainer.load(service_bundle)


def explain(reference: int, test: int, **fields: str) -> bytes:
    return about_pair(EXPLAIN, photograph(reference), photograph(test), **fields)


def decoded(array: dict) -> bytes:
    return base64.b64decode(array["base64"])


def test_requests_share_batches(running):
    with ExitStack() as stack:
        hold = stack.enter_context(occupied(running))
        threads = len(hold.batches)
        callers = [stack.enter_context(Caller(running.port)) for _ in range(4)]
        for number, caller in enumerate(callers):
            caller.send(explain(2 * number, 2 * number + 1))
        slow.until(lambda: running.service.waiting == 8)
        hold.let_go()
        assert {caller.answer().status for caller in callers} == {200}
    shared = hold.batches[threads:]
    assert sum(shared) == 8
    assert len(shared) <= threads
    assert metrics(running.port)[f'lpel_batches_total{{crops="{shared[0]}"}}'] >= 1


def test_every_image_is_embedded_once(running):
    before, requests = running.service.counters.embedded, [explain(*pair) for pair in PAIRS]
    answers = ask_at_once(running.port, requests)
    cached = metrics(running.port)["lpel_faces_cached_total"]
    answers += ask_at_once(running.port, requests)
    assert {answer.status for answer in answers} == {200}
    assert running.service.counters.embedded - before == IMAGES
    now = metrics(running.port)
    assert now["lpel_crops_embedded_total"] == before + IMAGES
    assert now["lpel_faces_cached_total"] == cached + 2 * len(PAIRS)


def test_images_that_are_under_way_are_embedded_once_even_if_none_is_kept(private):
    before = private.service.counters.embedded
    with slow.held(private.service.explainer) as hold, ExitStack() as stack:
        callers = [stack.enter_context(Caller(private.port)) for _ in PAIRS]
        for pair, caller in zip(PAIRS, callers, strict=True):
            caller.send(explain(*pair))
        under_way = private.service._shared._tasks
        slow.until(lambda: sum(one.waiting for one in under_way.values()) == 2 * len(PAIRS))
        hold.let_go()
        assert {caller.answer().status for caller in callers} == {200}
    assert private.service.counters.embedded - before == IMAGES


def test_a_private_service_keeps_nothing(private):
    before = private.service.counters.embedded
    for _ in range(3):
        assert ask(private.port, explain(0, 1)).status == 200
    assert private.service.counters.embedded - before == 6
    assert private.service.counters.cached == 0
    assert len(private.service._cache) == 0
    assert not private.service._shared._tasks


def test_the_cache_is_bounded(service_bundle):
    face_bytes = 16 * 16 * 3 + 6 * 4
    with started(Settings(service_bundle, cache_bytes=4 * face_bytes)) as running:
        for number in range(6):
            assert ask(running.port, explain(2 * number, 2 * number + 1)).status == 200
        assert len(running.service._cache) == 4
        embedded = running.service.counters.embedded
        assert ask(running.port, explain(8, 11)).status == 200  # two of the last four
        assert running.service.counters.embedded == embedded
        assert ask(running.port, explain(0, 1)).status == 200
        assert running.service.counters.embedded == embedded + 2


def test_crops_of_one_image_are_not_mistaken_for_each_other(running, engine):
    whole = ask(running.port, explain(0, 1, crop="none")).json
    half = ask(running.port, explain(0, 1, crop="0.5")).json
    assert whole["similarity"] == engine.explain(photograph(0), photograph(1)).similarity
    assert half["similarity"] != whole["similarity"]
    assert ask(running.port, explain(0, 1, crop="0.5")).json["similarity"] == half["similarity"]


def test_a_bad_image_fails_its_own_request_in_its_own_words(running):
    bad = about_pair(EXPLAIN, photograph(0), b"no image")
    worse = about_pair(EXPLAIN, b"no image", photograph(0))
    answers = ask_at_once(running.port, [bad, worse, explain(0, 1)] * 5)
    assert [answer.status for answer in answers] == [422, 422, 200] * 5
    assert {answer.json["about"] for answer in answers[::3]} == {"test"}
    assert {answer.json["about"] for answer in answers[1::3]} == {"reference"}


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_the_bytes_are_those_of_the_engine_whatever_else_is_asked(
    service_bundle, engine, cache_bytes
):
    alone = {pair: engine.explain(*(photograph(number) for number in pair)) for pair in PAIRS}
    requests = [explain(*pair, arrays="base64", include="heat_map,mask") for pair in PAIRS] * 2
    limits = Limits(admitted=len(requests))
    with started(Settings(service_bundle, cache_bytes=cache_bytes, limits=limits)) as running:
        answers = ask_at_once(running.port, requests)
    for pair, answer in zip(PAIRS * 2, answers, strict=True):
        assert answer.json["similarity"] == alone[pair].similarity
        for way, explanation in (
            ("test", alone[pair].forward),
            ("reference", alone[pair].swapped),
        ):
            answered = answer.json["explanations"][way]
            assert decoded(answered["heat_map"]) == explanation.heat_map.tobytes()
            assert decoded(answered["mask"]) == explanation.mask.tobytes()


def test_a_long_work_s_maps_are_those_of_the_engine_too(running, engine):
    requests = [explain(0, 1, method="occlusion", arrays="base64")] * 3
    answers = ask_at_once(running.port, [*requests, explain(2, 3), explain(4, 5)])
    method = find_method("occlusion")
    alone = engine.explain(photograph(0), photograph(1), method=method)
    for answer in answers[:3]:
        heat_map = answer.json["explanations"]["test"]["heat_map"]
        assert decoded(heat_map) == alone.forward.heat_map.tobytes()


def test_long_work_lets_go_of_what_it_has_embedded(running):
    service = running.service
    networks = CancellableNetworks(
        service.explainer, service._batcher, CancellationToken(), service.counters.count_embedded
    )
    crops = np.stack([pixels(seed) for seed in range(10)])
    left = weakref.ref(crops)
    networks.embed(crops)
    del crops
    slow.until(lambda: gc.collect() is not None and left() is None)
