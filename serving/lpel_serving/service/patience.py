"""Waiting for a result no longer than somebody wants it."""

import asyncio
from typing import Any, TypeVar

from lpel_serving.service.cancellation import CancellationToken

T = TypeVar("T")


async def while_wanted(future: "asyncio.Future[T]", token: CancellationToken) -> T:
    """Wait for a future while a token lasts; the future itself is left alone.

    Raises
    ------
    WithdrawnError
        If the token lapses first; and whatever the future raises.
    """
    loop = asyncio.get_running_loop()
    lapsed: asyncio.Future[None] = loop.create_future()
    forget = token.when_withdrawn(lambda: loop.call_soon_threadsafe(_settle, lapsed))
    future.add_done_callback(_hear)
    try:
        await asyncio.wait({future, lapsed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        forget()
        _settle(lapsed)
    if not future.done():
        token.check()
    return future.result()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _hear(future: "asyncio.Future[Any]") -> None:
    """Take note of an error, which asyncio complains of if nobody does."""
    if not future.cancelled():
        future.exception()
