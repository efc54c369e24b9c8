"""Answers an inference request: parses it, runs the model, writes the answer."""

from starlette.requests import Request
from starlette.responses import Response

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON
from lpel_serving.service.http.messages.body import read_body
from lpel_serving.service.http.open_inference.answers import write_answer
from lpel_serving.service.http.open_inference.inflation import inflate
from lpel_serving.service.http.open_inference.models import VERSION, Model
from lpel_serving.service.http.open_inference.requests import (
    HEADER_LENGTH,
    InferRequest,
    parse_request,
)
from lpel_serving.service.http.settings import Limits

BINARY = "application/octet-stream"


async def infer(
    request: Request, model: Model, service: ExplanationService, limits: Limits
) -> Response:
    """Answer a request of inference.

    Slow work runs in threads, so that the event loop is never blocked.

    Parameters
    ----------
    request
        With a token of `lpel_serving.service.http.limits.admission`, which admits it once its body
        is complete.
    model
        The model.
    service
        Runs work in threads.
    limits
        How large a body may be, before and after it is inflated.

    Raises
    ------
    Problem
        If the model cannot answer the request.
    """
    encoding = request.headers.get("content-encoding")
    body = await read_body(request, limits.request_bytes)

    def read() -> InferRequest:
        whole = inflate(body, encoding, limits.request_bytes)
        return parse_request(whole, request.headers.get(HEADER_LENGTH), model.signature)

    token = request.state.token
    asked = await service.run_in_thread(read, token)
    wanted = [one.name for one in asked.outputs]
    arrays = await model.run(asked.inputs, wanted, token)
    head = {"model_name": model.name, "model_version": VERSION}
    content, length = await service.run_in_thread(
        lambda: write_answer(head, asked, arrays, model.signature), token
    )
    headers = {} if length is None else {HEADER_LENGTH: str(length)}
    return Response(content, headers=headers, media_type=JSON if length is None else BINARY)
