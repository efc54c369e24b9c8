"""What goes wrong, as the protocol says it: an object with one `error`."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lpel_serving.http.answers import JSON, json_bytes
from lpel_serving.http.problems import HANDLED, Problem, problem_of

_DETAILS = {404: "the protocol has no such path here.", 405: "the path takes another method."}


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer whatever an endpoint raised."""
    problem = problem_of(error, getattr(request.state, "ticket", None))
    if problem.status == 500:
        request.state.failure = error
    # The protocol's word for what a model cannot use is 400, as for all that cannot be read.
    return error_response(problem, 400 if problem.status == 422 else problem.status)


async def answer_refusal(_: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: paths and methods that there are not."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    detail = _DETAILS.get(status, "the request was refused.")
    return error_response(Problem(status, detail, headers=headers), status)


def error_response(problem: Problem, status: int) -> Response:
    """Write a problem in the protocol's words."""
    return Response(json_bytes({"error": str(problem)}), status, problem.headers, media_type=JSON)


HANDLERS: Mapping[Any, Any] = {
    **dict.fromkeys(HANDLED, answer_error),
    HTTPException: answer_refusal,
}
"""By the kind of error, for Starlette."""
