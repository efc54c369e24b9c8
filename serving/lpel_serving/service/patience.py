"""Waits for a result until a token is cancelled."""

import asyncio
from typing import Any, TypeVar

from lpel_serving.service.cancellation import CancellationToken

T = TypeVar("T")


async def while_wanted(future: "asyncio.Future[T]", token: CancellationToken) -> T:
    """Wait for a future until a token is cancelled; the future itself is left alone.

    Raises
    ------
    WithdrawnError
        If the token is cancelled first; and whatever the future raises.
    """
    loop = asyncio.get_running_loop()
    cancelled: asyncio.Future[None] = loop.create_future()
    forget = token.when_withdrawn(lambda: loop.call_soon_threadsafe(_settle, cancelled))
    future.add_done_callback(_hear)
    try:
        await asyncio.wait({future, cancelled}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        forget()
        _settle(cancelled)
    if not future.done():
        token.check()
    return future.result()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _hear(future: "asyncio.Future[Any]") -> None:
    """Retrieve an error, since asyncio logs errors that nobody retrieves."""
    if not future.cancelled():
        future.exception()
