"""Requests about a pair: their fields, images included, and how they are validated."""

import base64
import binascii
import string
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.equations.perturbation import MAX_P, MIN_P

IMAGES = ("reference", "test")

Part = Literal["heat_map", "mask", "overlay", "reconstruction", "crop", "figure"]
Curve = Literal["similar", "dissimilar", "transplant", "transplant-similar"]

_BASE64 = frozenset(string.ascii_letters + string.digits + "+/=")
_BLANKS = {ord(blank): None for blank in "\r\n\t "}
"""Line breaks in base64, as mail and many programs write them (RFC 2045), which are ignored."""

MISSING = "missing"
"""Pydantic's type for the error of a missing field; used for an empty image, too."""


def _image(value: Any) -> bytes:
    """Return a form's file unchanged; decode the base64 text of JSON."""
    data = value if isinstance(value, bytes) else _decoded(value)
    if not data:
        raise PydanticCustomError(MISSING, "it is empty")
    return data


def _decoded(text: Any) -> bytes:
    if not isinstance(text, str):
        raise _no_base64("")
    plain = text.translate(_BLANKS)
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_base64(_spoilt(plain)) from error


def _no_base64(how: str) -> PydanticCustomError:
    return PydanticCustomError("base64", "expected the image as base64 text{how}", {"how": how})


def _spoilt(text: str) -> str:
    """Say what is wrong with text that is not base64, without repeating any of it."""
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


Image = Annotated[
    bytes,
    BeforeValidator(_image),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "image/*",
            "minLength": 4,
            "pattern": r"^[A-Za-z0-9+/=\r\n\t ]+$",  # checked without decoding
            "description": "As base64 (RFC 4648) with `+` and `/`, filled up with `=`, in lines or "
            "not, without a `data:` before it",
        }
    ),
]
IMAGE_AS_FILE: dict[str, Any] = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "format": "binary",
    "minLength": 1,
    "description": "As a file, whose name is not looked at",
}
"""An image in a form, as JSON Schema."""


def _whole(value: Any) -> Any:
    """JSON has one kind of number: there 4.0 is 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _face(role: str) -> Any:
    """The field that chooses a face of an image."""
    return Field(
        ge=0,
        lt=1000,
        description=f"Which of the faces that the crop finds in the {role}: 0, the largest, when "
        "left out. Not for crops that look for no faces.",
    )


class VerifyFields(BaseModel):
    """The fields of a request to compare two images."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reference: Image
    test: Image
    crop: Annotated[
        str | None,
        Field(
            max_length=40,
            description="How faces are cut out: one of the crops of /v1/about, none, pad, stretch, "
            "or a share of the photograph such as 0.48. The server's own when left out.",
        ),
    ] = None
    reference_face: Annotated[int | None, _face("reference"), BeforeValidator(_whole)] = None
    test_face: Annotated[int | None, _face("test"), BeforeValidator(_whole)] = None


class MethodFields(VerifyFields):
    """The fields of a request that also chooses a method."""

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
            description="For methods that perturb, such as lpel: the size of the perturbation "
            "(Eq. 4.5); short for `parameters.p`.",
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
    """The fields of a request to explain the decision on two images."""

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
    """The fields of a request for a faithfulness check."""

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
