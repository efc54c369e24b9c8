"""Tickets, batches and shared work: the parts behind the service."""

import asyncio
import threading

import numpy as np
import pytest

from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.service.batcher import Batcher
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.shared import Shared
from lpel_serving.support.errors import WithdrawnError
from support import slow

SECONDS = 20


def crops(count: int, first: int = 0) -> list[np.ndarray]:
    """Tiny images that differ by their only value."""
    return [np.full((1, 1, 3), first + i, np.uint8) for i in range(count)]


def values(batch) -> np.ndarray:
    """An embedder that returns the value of each image."""
    return np.array([[crop[0, 0, 0]] for crop in batch], np.float32)


class Gated:
    """An embedder that waits to be let go on, and remembers what it was given."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.batches: list[list[int]] = []
        self.stops = []

    def __call__(self, batch, stop):
        self.batches.append([int(crop[0, 0, 0]) for crop in batch])
        self.stops.append(stop)
        self.begun.release()
        assert self.go.acquire(timeout=SECONDS)
        if stop.is_set:
            raise WithdrawnError("stopped")
        return values(batch)

    def wait(self):
        assert self.begun.acquire(timeout=SECONDS)


@pytest.fixture
def gated():
    return Gated()


@pytest.fixture
def batcher(gated):
    one = Batcher(gated, batch_size=4, wait=0.0, slow_batch_size=2)
    yield one
    gated.go.release(100)
    one.close()


def test_a_token_is_cancelled_once_and_calls_its_listeners():
    token, heard = CancellationToken(), []
    token.when_withdrawn(lambda: heard.append("early"))
    token.check()
    token.withdraw("late")
    token.withdraw("gone")
    token.when_withdrawn(lambda: heard.append("afterwards"))
    assert (token.reason, heard) == ("late", ["early", "afterwards"])
    with pytest.raises(WithdrawnError, match="longer than a request may take"):
        token.check()


def test_crops_that_come_while_the_network_is_busy_go_through_it_together(batcher, gated):
    futures = [batcher.submit(crops(1), CancellationToken())]
    gated.wait()
    futures += [batcher.submit(crops(1, first=n), CancellationToken()) for n in (10, 20, 30)]
    gated.go.release(2)
    results = [future.result(SECONDS).ravel().tolist() for future in futures]
    assert results == [[0], [10], [20], [30]]
    assert gated.batches == [[0], [10, 20, 30]]


def test_an_order_larger_than_a_batch_is_put_together_again(batcher, gated):
    future = batcher.submit(crops(9), CancellationToken())
    gated.go.release(3)
    assert future.result(SECONDS).ravel().tolist() == list(range(9))
    assert [len(batch) for batch in gated.batches] == [4, 4, 1]


def test_who_is_urgent_goes_before_long_work_that_came_first(batcher, gated):
    long = batcher.submit(crops(6), CancellationToken(), urgent=False)
    gated.wait()
    urgent = batcher.submit(crops(2, first=100), CancellationToken())
    gated.go.release(3)
    assert urgent.result(SECONDS).ravel().tolist() == [100, 101]
    assert gated.batches[:2] == [[0, 1], [100, 101]]
    gated.go.release(10)
    assert long.result(SECONDS).ravel().tolist() == list(range(6))


def test_who_has_gone_is_not_computed_for_and_harms_nobody(batcher, gated):
    first, gone, stays = CancellationToken(), CancellationToken(), CancellationToken()
    batcher.submit(crops(1), first)
    gated.wait()
    lost = batcher.submit(crops(2, first=10), gone)
    kept = batcher.submit(crops(1, first=20), stays)
    gone.withdraw("gone")
    gated.go.release(2)
    assert kept.result(SECONDS).ravel().tolist() == [20]
    with pytest.raises(WithdrawnError):
        lost.result(SECONDS)
    assert gated.batches == [[0], [20]]


def test_an_inference_is_stopped_when_the_last_who_waits_for_it_goes(batcher, gated):
    blocker, one, other = CancellationToken(), CancellationToken(), CancellationToken()
    batcher.submit(crops(1), blocker)
    gated.wait()
    futures = [batcher.submit(crops(1, first=n), t) for n, t in ((10, one), (20, other))]
    gated.go.release()
    gated.wait()
    one.withdraw("gone")
    assert not gated.stops[-1].is_set
    other.withdraw("gone")
    assert gated.stops[-1].is_set
    gated.go.release()
    for future in futures:
        with pytest.raises(WithdrawnError):
            future.result(SECONDS)


def test_an_embedder_that_fails_fails_its_askers_and_works_again():
    calls = []

    def moody(batch, stop):
        calls.append(len(batch))
        if len(calls) == 1:
            raise ZeroDivisionError("a fault of ours")
        return values(batch)

    batcher = Batcher(moody, batch_size=4, wait=0.0)
    with pytest.raises(ZeroDivisionError):
        batcher.submit(crops(1), CancellationToken()).result(SECONDS)
    assert batcher.submit(crops(1), CancellationToken()).result(SECONDS).tolist() == [[0]]
    batcher.close()


def test_closing_finishes_what_was_asked_for_and_takes_nothing_new(gated):
    batcher = Batcher(gated, batch_size=2, wait=0.0)
    future = batcher.submit(crops(5), CancellationToken())
    gated.go.release(10)
    batcher.close()
    assert future.result(0).ravel().tolist() == list(range(5))
    with pytest.raises(WithdrawnError, match="shut down"):
        batcher.submit(crops(1), CancellationToken()).result(SECONDS)


def test_an_empty_batch_is_embedded_at_once():
    batcher = Batcher(lambda batch, stop: values(batch), batch_size=2, wait=0.0)
    assert len(batcher.submit([], CancellationToken()).result(0)) == 0
    batcher.close()


def test_work_that_two_wait_for_is_done_once_and_outlives_the_first():
    async def play():
        shared, begun, go, tokens = Shared(), [], asyncio.Event(), []

        async def work(token):
            begun.append(token)
            await go.wait()
            token.check()
            return "done"

        leaver, stayer = CancellationToken(), CancellationToken()
        first = asyncio.ensure_future(shared.get("key", leaver, work))
        second = asyncio.ensure_future(shared.get("key", stayer, work))
        await asyncio.sleep(0)
        leaver.withdraw("gone")
        with pytest.raises(WithdrawnError):
            await first
        go.set()
        assert await second == "done"
        assert len(begun) == 1
        tokens.append(begun[0])
        return tokens[0].reason

    assert asyncio.run(play()) is None


def test_work_that_nobody_waits_for_any_more_is_given_up():
    async def play():
        shared, own = Shared(), []

        async def work(token):
            own.append(token)
            await asyncio.sleep(SECONDS)

        tokens = [CancellationToken(), CancellationToken()]
        waiting = [asyncio.ensure_future(shared.get("key", one, work)) for one in tokens]
        await asyncio.sleep(0)
        for one in tokens:
            one.withdraw("gone")
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, WithdrawnError) for result in results)
        return own[0].reason

    assert asyncio.run(play()) == "gone"


def test_shared_work_that_fails_fails_for_everybody_and_is_tried_again():
    async def play():
        shared, times = Shared(), []

        async def work(token):
            times.append(token)
            await asyncio.sleep(0)
            raise ZeroDivisionError

        both = [shared.get("key", CancellationToken(), work) for _ in range(2)]
        results = await asyncio.gather(*both, return_exceptions=True)
        with pytest.raises(ZeroDivisionError):
            await shared.get("key", CancellationToken(), work)
        return [type(result) for result in results], len(times)

    assert asyncio.run(play()) == ([ZeroDivisionError] * 2, 2)


def test_features_are_computed_where_they_are_due_and_shared_batches_give_everyone_their_own():
    given = []

    def embed(batch, stop):
        given.append(("embed", len(batch)))
        return values(batch)

    def features(batch, stop):
        given.append(("features", len(batch)))
        return ImageFeatures(values(batch), np.stack([values([crop]) + 100 for crop in batch]))

    gate = threading.Event()

    def held(batch, stop):
        assert gate.wait(SECONDS)
        return embed(batch, stop)

    batcher = Batcher(held, features, batch_size=4, wait=0.0, slow_batch_size=4)
    first = batcher.submit(crops(1), CancellationToken(), urgent=False)
    slow.until(lambda: batcher.running == 1 and not batcher.waiting)
    due = batcher.submit_for_features(crops(2, first=10), CancellationToken())
    work = batcher.submit(crops(2, first=20), CancellationToken(), urgent=False)
    gate.set()
    found = due.result(SECONDS)
    assert found.embeddings.ravel().tolist() == [10, 11]
    assert found.local.ravel().tolist() == [110, 111]
    assert work.result(SECONDS).ravel().tolist() == [20, 21]
    assert first.result(SECONDS).tolist() == [[0]]
    alone = batcher.submit(crops(3, first=30), CancellationToken(), urgent=False)
    assert alone.result(SECONDS).shape == (3, 1)
    assert given == [("embed", 1), ("features", 4), ("embed", 3)]
    batcher.close()


def test_features_of_more_crops_than_a_batch_are_put_together():
    def features(batch, stop):
        return ImageFeatures(values(batch), np.stack([values([crop]) for crop in batch]))

    batcher = Batcher(lambda batch, stop: values(batch), features, batch_size=2, wait=0.0)
    found = batcher.submit_for_features(crops(5), CancellationToken()).result(SECONDS)
    assert found.embeddings.ravel().tolist() == list(range(5))
    assert found.local.shape == (5, 1, 1)
    batcher.close()
