"""Reads requests about a pair of images, a form or JSON, into validated fields."""

from typing import Any, TypeVar, cast

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON
from lpel_serving.service.http.messages.body import read_body
from lpel_serving.service.http.messages.multipart import read_form
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.schemas.requests import IMAGES, MISSING, VerifyFields
from lpel_serving.service.http.settings import Limits
from lpel_serving.support.strict_json import read_json

FORM = "multipart/form-data"
MAX_STRUCTURE = 1000
"""Commas, lists and objects in JSON: no request about two images needs thousands, which would be
parsed into megabytes of small objects."""

Fields = TypeVar("Fields", bound=VerifyFields)


async def read_pair(
    request: Request, kind: type[Fields], service: ExplanationService, limits: Limits
) -> Fields:
    """Read a request about a pair of images, a form or JSON.

    Raises
    ------
    Problem
        If it is too large, malformed, of another media type, lacks an image, or a field is wrong.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in {FORM, JSON}:
        received = f"{media_type[:60]!a}" if media_type else "a request without a Content-Type"
        raise Problem(415, f"expected {FORM} or {JSON}; received {received}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the body is compressed, which is not taken here: send it as it is.")
    body = await read_body(request, limits.request_bytes)

    def read() -> Fields:
        if media_type == FORM:
            return _checked(_form(body, content_type), kind, strict=False)
        return _checked(_read_document(body), kind, strict=True)

    return await service.run_in_thread(read, request.state.token)


def _form(body: bytes, content_type: str) -> dict[str, Any]:
    files, texts = read_form(body, content_type)
    strange = sorted(set(files) - set(IMAGES))
    if strange:
        raise Problem(
            422,
            f"the files are called reference and test; received {strange[0][:40]!a}.",
            about=strange[0][:40],
        )
    texts = {name: text for name, text in texts.items() if name not in IMAGES}  # no files
    return {**_with_parameters(_with_list(texts)), **files}


def _with_list(texts: dict[str, str]) -> dict[str, Any]:
    """A form has no lists: there commas separate."""
    if "include" not in texts:
        return dict(texts)
    parts = [part.strip() for part in texts["include"].split(",")]
    return texts | {"include": [part for part in parts if part]}


def _with_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """A form has no objects: there the parameters are JSON as text."""
    if "parameters" not in values:
        return values
    try:
        return values | {"parameters": read_json(values["parameters"].encode(), orjson.loads)}
    except ValueError as error:
        detail = f'parameters: expected JSON such as {{"count": 64}}: {str(error)[:120]}.'
        raise Problem(422, detail, about="parameters") from error


def _read_document(body: bytes) -> dict[str, Any]:
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_STRUCTURE:
        raise Problem(400, "the body has more fields, lists and objects than any request needs.")
    try:
        document = read_json(body, orjson.loads)
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {str(error)[:120]}.") from error
    if not isinstance(document, dict):
        raise Problem(400, "the body is not a JSON object.")
    return cast("dict[str, Any]", document)


def _checked(values: dict[str, Any], kind: type[Fields], *, strict: bool) -> Fields:
    """Validate all fields, images included; strictly in JSON, where numbers and text differ."""
    try:
        return kind.model_validate(values, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        about = str(first["loc"][0])[:40] if first["loc"] else None
        what = f"{about or 'a field'}: {first['msg']}."
        if first["type"] == MISSING:
            what = f"two images are needed, and {about} is missing or empty."
        raise Problem(422, what, about=about) from error
