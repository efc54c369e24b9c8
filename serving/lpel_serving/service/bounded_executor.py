"""A bounded thread pool whose queue is in the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.patience import while_wanted
from lpel_serving.support.errors import BusyError

T = TypeVar("T")


class BoundedExecutor:
    """A few threads that run one piece of work each; for one event loop.

    Cancelled work is not started and holds no memory; an executor's own queue would keep it, and
    everything that it needs, until its turn.

    Parameters
    ----------
    name
        Of the threads.
    threads
        How many there are.
    most
        Pieces of work that may be running or waiting; unlimited if None.

    Attributes
    ----------
    inside
        Pieces of work that are running or waiting.
    """

    def __init__(self, name: str, threads: int, most: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"lpel-{name}")
        self._turns = asyncio.Semaphore(threads)
        self._most = most
        self.inside = 0

    async def do(self, work: Callable[[], T], token: CancellationToken) -> T:
        """Run some work in a thread, and wait for it until the token is cancelled.

        Raises
        ------
        BusyError
            If there is no room for more work.
        WithdrawnError
            If the token is cancelled first; and whatever the work raises.
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
        # Only then: the caller may leave earlier, but the thread is busy until the work is done.
        working.add_done_callback(lambda _: self._leave())
        return await while_wanted(working, token)

    def close(self) -> None:
        """Wait for running work, and end the threads."""
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
                self._turns.release()  # its turn came just as the token was cancelled
            turn.cancel()
            raise

    def _leave(self) -> None:
        self.inside -= 1
        self._turns.release()
