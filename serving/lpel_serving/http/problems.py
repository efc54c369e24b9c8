"""What goes wrong, as `application/problem+json` (RFC 9457)."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from lpel_serving.errors import (
    BusyError,
    ImageError,
    LpelError,
    MissingExtraError,
    NoFaceError,
    ParameterError,
    ServingError,
    WithdrawnError,
)
from lpel_serving.service.ticket import Ticket

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "The request cannot be read",
    401: "An API key is needed",
    403: "Not from there",
    404: "There is no such thing",
    405: "Not in this way",
    406: "Not in this form",
    408: "The request did not arrive in time",
    411: "How long is it?",
    413: "The request is too large",
    415: "Not of a kind that is taken",
    421: "Not for this server",
    422: "The request cannot be answered",
    499: "The client went away",
    500: "The service made a mistake",
    503: "Too busy",
    504: "It took too long",
}


class Problem(ServingError, ValueError):  # noqa: N818 - the word of RFC 9457
    """A request that is answered by a problem.

    Attributes
    ----------
    status
        Of HTTP.
    about
        Which field of the request it is about, if it is one.
    headers
        Of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        about: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.about = about
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """The problem in JSON's own types."""
        known = {"type": "about:blank", "title": TITLES[self.status], "status": self.status}
        about = {} if self.about is None else {"about": self.about}
        return {**known, "detail": str(self), **about}

    def response(self) -> Response:
        """Answer with it."""
        return Response(
            orjson.dumps(self.document()), self.status, self.headers, media_type=MEDIA_TYPE
        )


def problem_of(error: Exception, ticket: Ticket | None = None) -> Problem:
    """Say what an error of the engine means to whoever asked over HTTP."""
    match error:
        case Problem():
            return error
        case WithdrawnError():
            late = ticket is not None and ticket.reason == "late"
            return Problem(504 if late else 503, str(error), headers={"Retry-After": "1"})
        case BusyError():
            return Problem(503, str(error), headers={"Retry-After": "5"})
        case NoFaceError() | ImageError() | ParameterError() | MissingExtraError():
            return Problem(422, str(error))
        case _:
            # Its words may speak of files of the server's; whoever runs it finds them in the log.
            return Problem(500, "the service could not do it; its log says why.")


async def on_error(request: Request, error: Exception) -> Response:
    """Answer whatever an endpoint raised."""
    ticket = getattr(request.state, "ticket", None)
    problem = problem_of(error, ticket)
    if problem.status == 500:
        request.state.failure = error
    return problem.response()


HANDLED: tuple[type[Exception], ...] = (LpelError, MemoryError, ArithmeticError)
