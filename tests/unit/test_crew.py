"""Threads whose work waits in the event loop: that it is bounded, stops, and holds nothing."""

import asyncio
import gc
import threading
import weakref

import pytest

from lpel_serving.service.crew import Crew
from lpel_serving.service.ticket import Ticket
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
    """Run a coroutine with a crew and a gate that is opened in the end."""

    async def run():
        crew, gate = Crew("test", threads, most), Gate()
        try:
            return await play(crew, gate)
        finally:
            gate.go.set()
            crew.close()

    return asyncio.run(run())


async def begun(gate):
    await asyncio.to_thread(gate.begun.acquire, timeout=SECONDS)


def test_work_is_done_in_a_thread_of_its_own():
    async def play(crew, gate):
        gate.go.set()
        return await crew.do(lambda: threading.current_thread().name, Ticket()), crew.inside

    name, inside = played(play)
    assert name.startswith("lpel-test")
    assert inside in (0, 1)  # it has left as soon as the loop comes to it


def test_what_goes_wrong_is_told_to_whoever_asked_and_the_next_has_its_turn():
    async def play(crew, gate):
        with pytest.raises(ZeroDivisionError):
            await crew.do(lambda: 1 // 0, Ticket())
        return await crew.do(lambda: "next", Ticket())

    assert played(play) == "next"


def test_a_crew_takes_no_more_than_it_has_room_for():
    async def play(crew, gate):
        first = asyncio.ensure_future(crew.do(gate, Ticket()))
        second = asyncio.ensure_future(crew.do(gate, Ticket()))
        await begun(gate)
        with pytest.raises(BusyError):
            await crew.do(gate, Ticket())
        gate.go.set()
        return await first, await second

    assert played(play, most=2) == ("done", "done")


@pytest.mark.parametrize("leaves", ["by its ticket", "by being cancelled"])
def test_what_waits_in_vain_is_never_begun_and_is_let_go(leaves):
    class Upload:
        """Something large that work holds."""

    async def play(crew, gate):
        busy = asyncio.ensure_future(crew.do(gate, Ticket()))
        await begun(gate)
        upload, ticket, did = Upload(), Ticket(), []
        seen = weakref.ref(upload)
        waiting = asyncio.ensure_future(crew.do(lambda held=upload: did.append(held), ticket))
        await asyncio.sleep(0)
        del upload
        if leaves == "by its ticket":
            ticket.withdraw("gone")
        else:
            waiting.cancel()
        with pytest.raises((WithdrawnError, asyncio.CancelledError)):
            await waiting
        del waiting
        await asyncio.sleep(0)
        gc.collect()
        assert seen() is None
        assert crew.inside == 1
        gate.go.set()
        await busy
        assert await crew.do(lambda: "next", Ticket()) == "next"
        return did

    assert played(play) == []


def test_who_leaves_while_it_is_under_way_frees_the_place_when_the_thread_is_free():
    async def play(crew, gate):
        ticket = Ticket()
        leaver = asyncio.ensure_future(crew.do(gate, ticket))
        await begun(gate)
        ticket.withdraw("late")
        with pytest.raises(WithdrawnError):
            await leaver
        inside = crew.inside
        following = asyncio.ensure_future(crew.do(lambda: "next", Ticket()))
        await asyncio.sleep(0.05)
        assert not following.done()
        gate.go.set()
        return inside, await following

    assert played(play) == (1, "next")


def test_a_ticket_that_has_lapsed_gets_no_turn():
    async def play(crew, gate):
        ticket = Ticket()
        ticket.withdraw("gone")
        with pytest.raises(WithdrawnError):
            await crew.do(gate, ticket)
        return crew.inside

    assert played(play) == 0
