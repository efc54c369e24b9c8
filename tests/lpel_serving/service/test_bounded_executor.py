"""Threads whose work waits in the event loop: that it is bounded, stops, and holds nothing."""

import asyncio
import gc
import threading
import weakref

import pytest

from lpel_serving.service.bounded_executor import BoundedExecutor
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.support.errors import BusyError, WithdrawnError

SECONDS = 20


class Gate:
    """Work that waits to be let go on."""

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self):
        self.begun.release()
        assert self.go.wait(SECONDS)
        return "done"


def played(play, threads=1, most=None):
    """Run a coroutine with a executor and a gate that is opened in the end."""

    async def run():
        executor, gate = BoundedExecutor("test", threads, most), Gate()
        try:
            return await play(executor, gate)
        finally:
            gate.go.set()
            executor.close()

    return asyncio.run(run())


async def begun(gate):
    await asyncio.to_thread(gate.begun.acquire, timeout=SECONDS)


def test_work_is_done_in_a_thread_of_its_own():
    async def play(executor, gate):
        gate.go.set()
        return await executor.do(
            lambda: threading.current_thread().name, CancellationToken()
        ), executor.inside

    name, inside = played(play)
    assert name.startswith("lpel-test")
    assert inside in (0, 1)  # it has left as soon as the loop comes to it


def test_an_error_reaches_the_caller_and_the_next_has_its_turn():
    async def play(executor, gate):
        with pytest.raises(ZeroDivisionError):
            await executor.do(lambda: 1 // 0, CancellationToken())
        return await executor.do(lambda: "next", CancellationToken())

    assert played(play) == "next"


def test_a_crew_takes_no_more_than_it_has_room_for():
    async def play(executor, gate):
        first = asyncio.ensure_future(executor.do(gate, CancellationToken()))
        second = asyncio.ensure_future(executor.do(gate, CancellationToken()))
        await begun(gate)
        with pytest.raises(BusyError):
            await executor.do(gate, CancellationToken())
        gate.go.set()
        return await first, await second

    assert played(play, most=2) == ("done", "done")


@pytest.mark.parametrize("leaves", ["by its token", "by being cancelled"])
def test_what_waits_in_vain_is_never_begun_and_is_let_go(leaves):
    class Upload:
        """Something large that work holds."""

    async def play(executor, gate):
        busy = asyncio.ensure_future(executor.do(gate, CancellationToken()))
        await begun(gate)
        upload, token, did = Upload(), CancellationToken(), []
        seen = weakref.ref(upload)
        waiting = asyncio.ensure_future(executor.do(lambda held=upload: did.append(held), token))
        await asyncio.sleep(0)
        del upload
        if leaves == "by its token":
            token.withdraw("gone")
        else:
            waiting.cancel()
        with pytest.raises((WithdrawnError, asyncio.CancelledError)):
            await waiting
        del waiting
        await asyncio.sleep(0)
        gc.collect()
        assert seen() is None
        assert executor.inside == 1
        gate.go.set()
        await busy
        assert await executor.do(lambda: "next", CancellationToken()) == "next"
        return did

    assert played(play) == []


def test_who_leaves_while_it_is_under_way_frees_the_place_when_the_thread_is_free():
    async def play(executor, gate):
        token = CancellationToken()
        leaver = asyncio.ensure_future(executor.do(gate, token))
        await begun(gate)
        token.withdraw("late")
        with pytest.raises(WithdrawnError):
            await leaver
        inside = executor.inside
        following = asyncio.ensure_future(executor.do(lambda: "next", CancellationToken()))
        await asyncio.sleep(0.05)
        assert not following.done()
        gate.go.set()
        return inside, await following

    assert played(play) == (1, "next")


def test_a_cancelled_token_gets_no_turn():
    async def play(executor, gate):
        token = CancellationToken()
        token.withdraw("gone")
        with pytest.raises(WithdrawnError):
            await executor.do(gate, token)
        return executor.inside

    assert played(play) == 0
