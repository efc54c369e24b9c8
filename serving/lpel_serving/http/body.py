"""Reading the body of a request: bounded, in memory, in time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from lpel_serving.errors import WithdrawnError
from lpel_serving.http.problems import Problem


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Read a request's body whole.

    Parameters
    ----------
    request
        The request.
    limit
        Bytes that it may have.
    seconds
        Until it has arrived.

    Raises
    ------
    Problem
        413 if it is too large, as soon as that is known; 408 if it takes too long.
    WithdrawnError
        If the client went away meanwhile.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                received += len(part)
                if received > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError as error:
        raise Problem(
            408,
            f"the body did not arrive within {seconds:g} seconds: send it again.",
            headers={"Connection": "close"},
        ) from error
    except ClientDisconnect as error:
        raise WithdrawnError("the client went away.") from error
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        f"the body has more than {limit:,} bytes, which is as much as is taken: send smaller "
        "images, or fewer.",
    )
