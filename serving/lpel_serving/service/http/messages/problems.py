"""Errors as HTTP answers, in `application/problem+json` (RFC 9457)."""

import contextlib
import traceback
from collections.abc import Generator
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.http.schemas import answers
from lpel_serving.support.errors import (
    BusyError,
    ImageError,
    MissingExtraError,
    NoDirectionError,
    ParameterError,
    ServingError,
    WithdrawnError,
)

MEDIA_TYPE = "application/problem+json"
PROTOCOL = "/v2"
"""Paths of the Open Inference Protocol, whose errors are an object with one `error`."""

_FRAMES = 6


class Problem(ServingError, ValueError):  # noqa: N818 - the word of RFC 9457
    """An error that is answered as a problem document.

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
        """The problem as JSON-serialisable values."""
        return answers.Problem(
            type="about:blank",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=str(self),
            about=self.about,
        ).model_dump(exclude_none=True)

    def response(self, path: str) -> Response:
        """Make the answer to a request for a path, in the format of that path's protocol."""
        if path.startswith(PROTOCOL):
            # There, input that a model cannot use is 400, like input that cannot be parsed.
            status = 400 if self.status == 422 else self.status
            document, media_type = {"error": str(self)}, "application/json"
        else:
            status, document, media_type = self.status, self.document(), MEDIA_TYPE
        return Response(orjson.dumps(document), status, self.headers, media_type=media_type)


@contextlib.contextmanager
def concerning(field: str) -> Generator[None]:
    """Name the request's field in errors about a parameter.

    Raises
    ------
    Problem
        422, if what is done meanwhile raises `ParameterError` or `MissingExtraError`.
    """
    try:
        yield
    except (ParameterError, MissingExtraError) as error:
        raise Problem(422, str(error), about=field) from error


def problem_of(error: Exception, token: CancellationToken | None = None) -> Problem:
    """Convert an error of the engine to one for the client."""
    match error:
        case Problem():
            return error
        case WithdrawnError():
            if token is not None and token.reason == "late":
                return Problem(504, str(error))  # it says what to do; a retry may not help
            return Problem(503, str(error), headers={"Retry-After": "1"})
        case BusyError():
            return Problem(503, str(error), headers={"Retry-After": "5"})
        case ImageError() | NoDirectionError() | ParameterError() | MissingExtraError():
            return Problem(422, str(error))
        case _:
            # Its message may name files of the server; the operator finds it in the log.
            return Problem(500, "the service could not do it; its log says why.")


async def on_error(request: Request, error: Exception) -> Response:
    """Answer whatever an endpoint raised."""
    token = getattr(request.state, "token", None)
    problem = problem_of(error, token)
    if problem.status == 500:
        request.state.failure = failure(cause_of(error))
    return problem.response(request.scope["path"])


class Faults:
    """Innermost middleware: turns unexpected exceptions into a 500, unless an answer has begun.

    Starlette would do so outside all other middleware, without metrics and headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def send_noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_noticed)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            answer = await on_error(Request(scope), error)
            await answer(scope, receive, send)


async def on_refusal(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: unknown paths and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    details = {
        404: "there is nothing under this path; /openapi.json lists what there is.",
        405: f"this path takes {headers.get('Allow', 'other methods')}.",
    }
    detail = details.get(status, "the request was refused.")
    return Problem(status, detail, headers=headers).response(request.scope["path"])


def cause_of(error: Exception) -> BaseException:
    """The cause of a problem; the error itself if it is not a problem."""
    return error.__cause__ or error if isinstance(error, Problem) else error


def failure(error: BaseException) -> dict[str, Any]:
    """Describe an error of ours for the log: its type and the lines of code, not its message.

    Starlette drops the traceback once the request is answered.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "error": type(error).__name__,
        "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
    }
