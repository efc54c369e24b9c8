"""The OpenAPI document of a bundle that is not of faces: without face words, fields or regions."""

from typing import Any, cast

from lpel_serving.images.subject import Subject

_OF_FACES = ("faces", "reference_face", "test_face")
"""Fields that say something only where the crop looks for faces."""
_MODELS = {"FacesOfPair", "FacesFound", "FaceBox"}


def retold(document: dict[str, Any], subject: Subject, *, detects: bool) -> dict[str, Any]:
    """Put a document that is written about faces into a subject's words.

    Parameters
    ----------
    document
        The OpenAPI document.
    subject
        What the bundle compares; if that is faces, the document stays as it is.
    detects
        Whether a crop looks for faces: only then are there fields about them.
    """
    if subject.of_faces:
        return document
    schemas = document["components"]["schemas"]
    schemas["Region"]["properties"]["name"] = {"type": "string"}
    if not detects:
        for name in _MODELS & schemas.keys():
            del schemas[name]
    return cast("dict[str, Any]", _retold(document, subject, detects=detects))


def _retold(value: Any, subject: Subject, *, detects: bool) -> Any:
    match value:
        case dict():
            node = cast("dict[str, Any]", value)
            return {key: _of_node(key, one, subject, detects=detects) for key, one in node.items()}
        case list():
            items = cast("list[Any]", value)
            return [_retold(one, subject, detects=detects) for one in items]
        case _:
            return value


def _of_node(key: str, value: Any, subject: Subject, *, detects: bool) -> Any:
    if key in ("description", "summary") and isinstance(value, str):
        return subject.retell(value.replace("not of who is in", "not of what is in"))
    if key != "properties":
        return _retold(value, subject, detects=detects)
    fields = {name: one for name, one in value.items() if detects or name not in _OF_FACES}
    # Their titles only spell their names.
    bare = {name: {k: v for k, v in one.items() if k != "title"} for name, one in fields.items()}
    return {name: _retold(one, subject, detects=detects) for name, one in bare.items()}
