"""A few threads, for work that waits for its turn in the event loop and nowhere else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.patience import while_wanted
from lpel_serving.support.errors import BusyError

T = TypeVar("T")


class BoundedExecutor:
    """Threads that do one work each; for one event loop.

    Work that nobody waits for any more is not begun, and holds nothing: an executor's own queue
    would keep it, and whatever it needs, until its turn comes.

    Parameters
    ----------
    name
        Of the threads.
    threads
        How many there are.
    most
        Works that may be inside, under way or waiting; as many as like if None.

    Attributes
    ----------
    inside
        Works that are under way or wait for their turn.
    """

    def __init__(self, name: str, threads: int, most: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"lpel-{name}")
        self._turns = asyncio.Semaphore(threads)
        self._most = most
        self.inside = 0

    async def do(self, work: Callable[[], T], token: CancellationToken) -> T:
        """Do some work in a thread, and wait for it while a token lasts.

        Raises
        ------
        BusyError
            If there is no room for more work.
        WithdrawnError
            If the token lapses first; and whatever the work raises.
        """
        if self._most is not None and self.inside >= self._most:
            raise BusyError(
                "too many long requests are under way: try again later, or choose a method that "
                "embeds no images of its own."
            )
        self.inside += 1
        try:
            await self._wait_for_turn(token)
        except BaseException:
            self.inside -= 1
            raise

        def begin() -> T:
            token.check()
            return work()

        working = asyncio.wrap_future(self._pool.submit(begin))
        # Only then: whoever waits may go before, but the thread is busy until it is done.
        working.add_done_callback(lambda _: self._leave())
        return await while_wanted(working, token)

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._pool.shutdown()

    async def _wait_for_turn(self, token: CancellationToken) -> None:
        token.check()
        if not self._turns.locked():
            await self._turns.acquire()
            return
        turn = asyncio.ensure_future(self._turns.acquire())
        try:
            await while_wanted(turn, token)
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._turns.release()  # it came as the token lapsed
            turn.cancel()
            raise

    def _leave(self) -> None:
        self.inside -= 1
        self._turns.release()
