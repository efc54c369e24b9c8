"""Parses the JSON of an inference request, bounded and validated; errors name the field."""

from typing import Any, cast

import orjson
from pydantic import ValidationError

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.signature import Signature
from lpel_serving.service.http.schemas.inference import MAX_AXES, NOT_OFFERED, InferenceRequest
from lpel_serving.support.strict_json import read_json

MAX_JSON_BYTES = 2 * 2**20
"""Parsing JSON blocks all other threads, and its lists take many times the memory of their text."""

MAX_OBJECTS, MAX_QUOTES = 500, 5000
"""Objects in a request, and twice the pieces of text: each tensor has one or two, and four."""

_LIST_BYTES = 7
"""A tensor has a list for each pixel, of 8 bytes or more such as `[0,0,0],`, and some for its rows.

In 2 MiB the most are ten crops of 160 x 160 pixels if all are as dark as that, six of photographs.
"""
_FEW_LISTS = 1000

_WANTED = {
    "id": "text",
    "name": "text",
    "datatype": "text",
    "shape": f"a list of at most {MAX_AXES} whole numbers, none of them negative",
}
"""What the fields of a request should be; those that are not listed are flags."""


def read_document(data: bytes, signature: Signature) -> InferenceRequest:
    """Read the JSON of a request to a model; raise `Problem` if it is none."""
    document = _json(data)
    try:
        request = InferenceRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = _complaint(first["type"], list(first["loc"]), document, signature)
        raise Problem(400, what) from error
    for key, most in (("inputs", len(signature.inputs)), ("outputs", len(signature.outputs))):
        if len(getattr(request, key) or ()) > most:
            raise Problem(400, _complaint("too_long", [key], document, signature))
    return request


def _json(data: bytes) -> Any:
    if len(data) > MAX_JSON_BYTES:
        raise Problem(
            413,
            f"the JSON has more than {MAX_JSON_BYTES:,} bytes: send the tensors as bytes behind "
            "it (binary_data_size), which is a fourth of it, or fewer at once.",
        )
    _check_structure(data)
    try:
        return read_json(data, orjson.loads)
    except UnicodeDecodeError as error:
        raise Problem(400, "expected JSON in UTF-8, received other bytes.") from error
    except ValueError as error:
        raise Problem(400, f"the request is not JSON: {str(error)[:200]}.") from error


def _check_structure(data: bytes) -> None:
    """Raise `Problem` if the JSON holds more objects, text or lists than any request needs."""
    if data.count(b"{") > MAX_OBJECTS or data.count(b'"') > MAX_QUOTES:
        raise Problem(400, "the JSON holds more objects or more text than any request needs.")
    if data.count(b"[") > _FEW_LISTS + len(data) // _LIST_BYTES:
        raise Problem(
            400,
            "the JSON holds more lists than a tensor of that length can have: send data nested as "
            "the shape says, or flat.",
        )


def _complaint(kind: str, path: list[int | str], document: Any, signature: Signature) -> str:
    """Say what is wrong in a request and where, by the names of known tensors."""
    where = "the request"
    match path:
        case ["inputs" | "outputs" as key, int(place), *path]:
            where = _tensor_in_words(key, document[key][place], path, signature)
        case _:
            pass
    if path[:1] == ["parameters"]:
        where, path = f"the parameters of {where}", path[1:]
    if not path:
        return f"expected {where} to be a JSON object."
    if kind == NOT_OFFERED:
        return f"{path[0]}, among {where}, is not offered here."
    counts = {"inputs": len(signature.inputs), "outputs": len(signature.outputs)}
    lists = {key: f"a list, of at most {most}" for key, most in counts.items()}
    wanted = (_WANTED | lists).get(str(path[0]), "true or false")
    return f"expected the {path[0]} of {where} to be {wanted}."


def _tensor_in_words(key: str, entry: Any, path: list[int | str], signature: Signature) -> str:
    known = signature.inputs if key == "inputs" else signature.outputs
    name = cast("dict[str, Any]", entry).get("name") if isinstance(entry, dict) else None
    if path[:1] == ["name"] or name not in [tensor.name for tensor in known]:
        return f"an {key[:-1]}"
    return f"the {key[:-1]} {name}"
