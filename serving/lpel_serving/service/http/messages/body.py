"""Reading the body of a request: bounded, in memory."""

from starlette.requests import ClientDisconnect, Request

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.support.errors import WithdrawnError


async def read_body(request: Request, limit: int) -> bytes:
    """Read a request's body whole; with its last byte the request is admitted or rejected.

    Parameters
    ----------
    request
        The request, with a token: see `lpel_serving.service.http.limits.admission`.
    limit
        Its largest size in bytes.

    Raises
    ------
    Problem
        413 if it is too large, as soon as that is known; 408 if it arrives too slowly; 503 if there
        is no room for it, or for the request once it is complete.
    WithdrawnError
        If the client disconnected meanwhile.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for part in request.stream():
            if len(body) + len(part) > limit:
                raise _too_large(limit)
            body += part
        return bytes(body)
    except ClientDisconnect as error:
        raise WithdrawnError("the client went away.") from error
    finally:
        body.clear()  # a stored error keeps this function's variables alive


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        f"the body has more than {limit:,} bytes, which is as much as is taken: send smaller "
        "images, or fewer.",
    )
