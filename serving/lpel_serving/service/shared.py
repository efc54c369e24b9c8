"""Deduplicates concurrent work with the same key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.patience import while_wanted

T = TypeVar("T")


@dataclass(eq=False)
class _Task(Generic[T]):
    task: "asyncio.Task[T]"
    token: CancellationToken
    waiting: int = 0


class Shared(Generic[T]):
    """Running work, by key; for one event loop.

    Shared work has a token of its own, cancelled when the last request that waits for it has gone.
    """

    def __init__(self) -> None:
        self._tasks: dict[bytes, _Task[T]] = {}

    async def get(
        self,
        key: bytes,
        token: CancellationToken,
        work: Callable[[CancellationToken], Awaitable[T]],
    ) -> T:
        """Wait for a key's result; start the work if it is not running.

        Raises
        ------
        WithdrawnError
            If the token is cancelled.
        """
        token.check()
        shared = self._tasks.get(key)
        if shared is None:
            shared = self._begin(key, work)
        shared.waiting += 1
        try:
            return await while_wanted(shared.task, token)
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.task.done():
                shared.token.withdraw("gone")
                self._tasks.pop(key, None)

    def _begin(self, key: bytes, work: Callable[[CancellationToken], Awaitable[T]]) -> _Task[T]:
        token = CancellationToken()
        task = asyncio.ensure_future(work(token))
        shared = self._tasks[key] = _Task(task, token)

        def done(_: "asyncio.Task[T]") -> None:
            if self._tasks.get(key) is shared:
                del self._tasks[key]

        task.add_done_callback(done)
        return shared
