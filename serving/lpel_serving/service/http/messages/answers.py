"""Writing answers: numbers and arrays as JSON, arrays as `.npz`, figures as PNG."""

import base64
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from lpel_serving.service.http.messages.problems import Problem

JSON, NPZ, PNG, LINES = (
    "application/json",
    "application/x-npz",
    "image/png",
    "application/x-ndjson",
)


def json_bytes(document: Any) -> bytes:
    """Write JSON; float32 in the fewest digits that identify it."""
    return orjson.dumps(document, _contiguous, orjson.OPT_SERIALIZE_NUMPY)


def _contiguous(value: Any) -> Any:
    """Copy a view, such as a transposed array, which orjson does not write itself."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(cast("NDArray[Any]", value))
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def checked(model: type[BaseModel], document: dict[str, Any]) -> dict[str, Any]:
    """Validate an answer by its model, which the published OpenAPI document describes.

    It takes tens of microseconds: arrays are checked by type and shape. An invalid answer is our
    mistake: pydantic's error becomes a 500.
    """
    model.model_validate(document)
    return document


def json_response(document: Any) -> Response:
    """Answer with JSON."""
    return Response(json_bytes(document), media_type=JSON)


def as_base64(data: bytes) -> str:
    """Write bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """Write an array as its bytes: little-endian, row by row."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "base64": as_base64(little.tobytes()),
    }


def accepted(request: Request, *offered: str) -> str:
    """Choose the media type of the answer: the most accepted offered one, the first of equals.

    Raises
    ------
    Problem
        406 if none is.
    """
    accept = ",".join(request.headers.getlist("accept"))
    wanted = [_quality(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best = max(offered, key=lambda kind: _match(kind, wanted))
    if _match(best, wanted) <= 0:
        raise Problem(406, f"expected Accept to allow one of {', '.join(offered)}.")
    return best


def _quality(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.lower().startswith("q="):
            try:
                return kind.lower(), min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return kind.lower(), 0.0
    return kind.lower(), 1.0


def _match(kind: str, wanted: list[tuple[str, float]]) -> float:
    """The quality of a media type; an exact match takes precedence over its family."""
    family = kind.partition("/")[0] + "/*"
    for pattern in (kind, family, "*/*"):
        for name, quality in wanted:
            if name == pattern:
                return quality
    return 0.0
