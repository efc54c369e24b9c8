"""What may be asked: the fields of every request, checked, and where the images are in it."""

import base64
import binascii
import string
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request

from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.methods.explanation import MAX_P, MIN_P
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON
from lpel_serving.service.http.messages.body import read_body
from lpel_serving.service.http.messages.multipart import read_form
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.messages.request_json import read_request_json
from lpel_serving.service.http.settings import Limits

FORM = "multipart/form-data"
IMAGES = ("reference", "test")

Part = Literal["heat_map", "mask", "overlay", "reconstruction", "crop", "figure"]
Curve = Literal["similar", "dissimilar", "transplant", "transplant-similar"]

MAX_STRUCTURE = 1000
"""Commas and openings of lists and objects in JSON: what needs thousands is no request about two
images, and would be megabytes of small objects to make."""
_BASE64 = frozenset(string.ascii_letters + string.digits + "+/=")
BASE64_PATTERN = r"^[A-Za-z0-9+/=\r\n\t ]+$"
"""What can be looked at without decoding; `_decode` does the rest."""
_BLANKS = {ord(blank): None for blank in "\r\n\t "}
"""Between the lines of base64 as mail and many programs write it (RFC 2045): they mean nothing."""


def _whole(value: Any) -> Any:
    """JSON has one kind of number: there 4.0 is 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _face(role: str) -> Any:
    """The field that says which face of an image is taken."""
    return Field(
        ge=0,
        lt=1000,
        description=f"Which of the faces that the crop finds in the {role}: 0, the largest, when "
        "left out. Not for crops that look for no faces.",
    )


class VerifyFields(BaseModel):
    """What can be said beside the two images when they are compared."""

    model_config = ConfigDict(extra="forbid")

    crop: Annotated[
        str | None,
        Field(
            max_length=40,
            description="How faces are cut out: one of the crops of /v1/about, or a share of the "
            "photograph such as 0.48. The server's own when left out.",
        ),
    ] = None
    reference_face: Annotated[int | None, _face("reference"), BeforeValidator(_whole)] = None
    test_face: Annotated[int | None, _face("test"), BeforeValidator(_whole)] = None


class MethodFields(VerifyFields):
    """What can be said of the method besides."""

    method: Annotated[
        str | None,
        Field(
            max_length=60,
            description="One of /v1/methods; the best that the bundle can do when left out.",
        ),
    ] = None
    p: Annotated[
        float | None,
        Field(
            ge=MIN_P,
            le=MAX_P,
            description="For lpel alone: magnitude of the perturbation (Eq. 4.5).",
        ),
    ] = None
    parameters: Annotated[
        dict[str, bool | int | float | str | list[int] | None] | None,
        Field(
            max_length=20,
            description="The method's own that shall differ from its defaults, by name, such as "
            '{"count": 64}: see the `parameter_details` of /v1/methods. In a form, such JSON as '
            "text.",
        ),
    ] = None
    seed: Annotated[
        int,
        Field(ge=0, lt=2**53, description="Of the method's randomness, if it has any."),
        BeforeValidator(_whole),
    ] = 0


class ExplainFields(MethodFields):
    """What can be said beside the two images when they are explained."""

    epsilon: Annotated[
        float, Field(ge=0, lt=1, description="Threshold of the masks (Eq. 4.7).")
    ] = DEFAULT_EPSILON
    include: Annotated[
        list[Part],
        Field(
            max_length=6,
            description="What the answer holds besides numbers; in a form, commas between.",
        ),
    ] = ["heat_map", "mask"]
    arrays: Annotated[
        Literal["lists", "base64", "png"],
        Field(description="How arrays are written: nested lists, little-endian bytes, pictures."),
    ] = "lists"


class AssessFields(MethodFields):
    """What can be said beside the two images when an explanation is put to the test."""

    curve: Annotated[
        Curve | None,
        Field(description="What is replaced, in which image; by the decision when left out."),
    ] = None
    draws: Annotated[
        int,
        Field(ge=1, le=20, description="Random orders to compare with."),
        BeforeValidator(_whole),
    ] = 10
    every: Annotated[
        int,
        Field(ge=1, le=64, description="Measure after every so many superpixels."),
        BeforeValidator(_whole),
    ] = 4


Fields = TypeVar("Fields", bound=VerifyFields)


@dataclass(frozen=True, eq=False)
class PairRequest(Generic[Fields]):
    """A request, read: the bytes of two images, and all that was said of them."""

    reference: bytes
    test: bytes
    fields: Fields


async def read_pair(
    request: Request, kind: type[Fields], service: ExplanationService, limits: Limits
) -> PairRequest[Fields]:
    """Read a request about a pair of images, a form or JSON.

    Raises
    ------
    Problem
        If it is too large, malformed, of another kind, lacks an image, or a field is wrong.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in {FORM, JSON}:
        received = f"{media_type[:60]!a}" if media_type else "a request without a Content-Type"
        raise Problem(415, f"expected {FORM} or {JSON}; received {received}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the body is compressed, which is not taken here: send it as it is.")
    body = await read_body(request, limits.request_bytes)

    def read() -> PairRequest[Fields]:
        if media_type == FORM:
            images, texts = read_form(body, content_type)
            return _asked(images, _with_parameters(_with_list(texts)), kind, strict=False)
        images, values = _read_document(body)
        return _asked(images, values, kind, strict=True)

    return await service.run_in_thread(read, request.state.token)


def _with_list(texts: dict[str, str]) -> dict[str, Any]:
    """A form has no lists: there a comma stands between."""
    if "include" not in texts:
        return dict(texts)
    parts = [part.strip() for part in texts["include"].split(",")]
    return texts | {"include": [part for part in parts if part]}


def _with_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """A form has no objects: there the parameters are JSON as text."""
    if "parameters" not in values:
        return values
    try:
        return values | {"parameters": read_request_json(values["parameters"].encode())}
    except ValueError as error:
        detail = f'parameters: expected JSON such as {{"count": 64}}: {str(error)[:120]}.'
        raise Problem(422, detail, about="parameters") from error


def _read_document(body: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_STRUCTURE:
        raise Problem(400, "the body has more fields, lists and objects than any request needs.")
    try:
        document = read_request_json(body)
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {str(error)[:120]}.") from error
    if not isinstance(document, dict):
        raise Problem(400, "the body is not a JSON object.")
    values = cast("dict[str, Any]", document)
    images = {name: _decode(name, values.pop(name)) for name in IMAGES if name in values}
    return images, values


def _decode(name: str, text: Any) -> bytes:
    if not isinstance(text, str):
        raise Problem(422, f"{name}: expected the image as base64 text.", about=name)
    plain = text.translate(_BLANKS)
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        complaint = f"{name}: expected the image as base64 text{_spoilt(plain)}."
        raise Problem(422, complaint, about=name) from error


def _spoilt(text: str) -> str:
    """Say what is wrong with text that is no base64, without repeating any of it."""
    if text[:5].lower() == "data:":
        return ", without a `data:` before it"
    strange = set(text) - _BASE64
    if strange and strange <= {"-", "_"}:
        return " with `+` and `/`; received the alphabet for URLs, which has `-` and `_` instead"
    if strange:
        return "; received characters that it does not have"
    if "=" in text.rstrip("="):
        return "; received one with `=` before its end"
    return (
        f" with `=` at its end where that is needed; received {len(text):,} characters without "
        "blanks, which are too few or too many: its padding or a part of it is missing"
    )


def _asked(
    images: dict[str, bytes], values: dict[str, Any], kind: type[Fields], *, strict: bool
) -> PairRequest[Fields]:
    """Check everything; strictly where numbers can be told from text."""
    strange = sorted(set(images) - set(IMAGES))
    if strange:
        raise Problem(
            422,
            f"the files are called reference and test; received {strange[0][:40]!a}.",
            about=strange[0][:40],
        )
    for name in IMAGES:
        if not images.get(name):
            raise Problem(
                422, f"two images are needed, and {name} is missing or empty.", about=name
            )
    try:
        fields = kind.model_validate(values, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        about = str(first["loc"][0])[:40] if first["loc"] else None
        raise Problem(422, f"{about or 'a field'}: {first['msg']}.", about=about) from error
    return PairRequest(images["reference"], images["test"], fields)
