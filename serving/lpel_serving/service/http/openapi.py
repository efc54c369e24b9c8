"""`GET /openapi.json`: the OpenAPI document of all routes, generated from the schemas."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import numpy as np
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.images.crops import PLAIN_CROPS, DetectingCrop
from lpel_serving.images.reading import FORMATS
from lpel_serving.report.pictures import png
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import (
    JSON,
    LINES,
    NPZ,
    PNG,
    as_base64,
    json_response,
)
from lpel_serving.service.http.messages.pairs import FORM
from lpel_serving.service.http.messages.problems import MEDIA_TYPE
from lpel_serving.service.http.schemas import answers
from lpel_serving.service.http.schemas.requests import (
    IMAGE_AS_FILE,
    IMAGES,
    AssessFields,
    ExplainFields,
    VerifyFields,
)
from lpel_serving.service.http.schemas.retold import retold
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.image_shape import within

_POSTS: dict[str, tuple[type[VerifyFields], type[BaseModel], str]] = {
    "/v1/explain": (ExplainFields, answers.ExplainAnswer, "Why two faces are called the same"),
    "/v1/verify": (VerifyFields, answers.VerifyAnswer, "Whether two faces are called the same"),
    "/v1/assess": (AssessFields, answers.AssessAnswer, "The faithfulness check of one explanation"),
}
_GETS: dict[str, tuple[type[BaseModel], str]] = {
    "/v1/methods": (answers.MethodsAnswer, "The explanation methods"),
    "/v1/about": (answers.AboutAnswer, "What this server offers"),
}
_REFUSALS = (400, 401, 403, 406, 408, 413, 415, 421, 422, 503, 504)
_REFUSALS_OF_GETS = {"401", "403", "421"}
_BINARY: dict[str, dict[str, str]] = {
    NPZ: {"/v1/explain": "Every array of the explanation."},
    PNG: {"/v1/explain": "The explanation as a figure."},
    LINES: dict.fromkeys(
        ("/v1/explain", "/v1/assess"), "Lines of progress, and at last the result or a problem."
    ),
}
_EXAMPLE_SIDE = 32
"""Longer side of the example images, at most."""
_COMPONENTS = "#/components/schemas/"
_SHARE = r"0?\.(0[1-9]|[1-9])[0-9]*|1(\.0*)?"


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""
    detects = any(isinstance(crop, DetectingCrop) for crop in service.crops.values())
    written = openapi_document(service, settings)
    document = retold(written, service.manifest.subject, detects=detects)

    async def openapi(request: Request) -> Response:
        del request
        return json_response(document)

    return [Route("/openapi.json", openapi, methods=["GET"])]


def openapi_document(service: ExplanationService, settings: Settings) -> dict[str, Any]:
    """Describe the service as OpenAPI 3.1."""
    models = [
        answers.Problem,
        *(answer for _, answer, _ in _POSTS.values()),
        *(answer for answer, _ in _GETS.values()),
    ]
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_COMPONENTS + "{model}"
    )
    paths: dict[str, Any] = {
        **{path: {"post": _post(path, service, settings)} for path in _POSTS},
        **{path: {"get": _get(path)} for path in _GETS},
        **_protocol_paths(),
    }
    guarded = settings.api_key is not None
    components: dict[str, Any] = {"schemas": definitions["$defs"]}
    if guarded:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lpel",
            "version": version("lpel-tf"),
            "description": "Why a siamese network called two faces the same or different. An "
            "explanation is of what the network decided, not of who is in the pictures.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": components,
        **({"security": [{"key": []}]} if guarded else {}),
    }


def _post(path: str, service: ExplanationService, settings: Settings) -> dict[str, Any]:
    kind, answer, summary = _POSTS[path]
    examples = {name: as_base64(png(face)) for name, face in _example_faces(service).items()}
    success: dict[str, Any] = {JSON: {"schema": {"$ref": _COMPONENTS + answer.__name__}}}
    success |= {media: {} for media, paths in _BINARY.items() if path in paths}
    return {
        "operationId": path.rpartition("/")[2],
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": _schema(kind, service, settings, as_form=False),
                    "example": examples,
                },
                FORM: {"schema": _schema(kind, service, settings, as_form=True)},
            },
        },
        "responses": {"200": {"description": summary, "content": success}, **_refusals()},
    }


def _schema(
    kind: type[VerifyFields], service: ExplanationService, settings: Settings, *, as_form: bool
) -> dict[str, Any]:
    """A request's own schema, with this server's values and limits; a form has texts and files."""
    schema = kind.model_json_schema(ref_template=_COMPONENTS + "{model}")
    fields: dict[str, Any] = schema["properties"]
    for name, known in _known(service).items():
        if name in fields:
            fields[name] |= known
    if as_form:
        fields = {name: _without_null(one) for name, one in fields.items()}
    if as_form and "include" in fields:
        parts = "|".join(fields["include"].pop("items")["enum"])
        pattern = f"^(({parts})(, ?({parts})){{0,5}})?$"
        del fields["include"]["maxItems"]
        fields["include"] |= {"type": "string", "pattern": pattern, "default": "heat_map,mask"}
    for name in IMAGES:
        most = {"maxLength": settings.limits.request_bytes}
        image = IMAGE_AS_FILE if as_form else fields[name] | most
        fields[name] = _image(image, settings)
    return schema | {"properties": fields}


def _image(schema: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The schema of an image, with this server's limits."""
    formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    limits = settings.limits
    return schema | {
        "description": f"A photograph: {formats}, not animated, at most {limits.pixels:,} pixels. "
        f"{schema['description']}; the whole body has at most {limits.request_bytes:,} bytes.",
    }


def _known(service: ExplanationService) -> dict[str, Any]:
    """The fields whose allowed values depend on this server."""
    usable = [name for name, entry in service.methods.items() if entry.decisions]
    crops = "|".join(name.replace(".", r"\.") for name in {**service.crops, **PLAIN_CROPS})
    crop = {"type": "string", "pattern": f"^({crops}|{_SHARE})$", "maxLength": 40}
    return {
        "crop": {"anyOf": [crop, {"type": "null"}]},
        "method": {"anyOf": [{"type": "string", "enum": usable}, {"type": "null"}]},
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove null from a form's schema: in a form, fields are absent instead."""
    kinds = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return rest | kinds[0]


def _get(path: str) -> dict[str, Any]:
    answer, summary = _GETS[path]
    content = {JSON: {"schema": {"$ref": _COMPONENTS + answer.__name__}}}
    refusals = {one: what for one, what in _refusals().items() if one in _REFUSALS_OF_GETS}
    return {
        "operationId": path.rpartition("/")[2],
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **refusals},
    }


def _refusals() -> dict[str, Any]:
    schema = {"schema": {"$ref": _COMPONENTS + answers.Problem.__name__}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}}
        for status in _REFUSALS
    }


def _example_faces(service: ExplanationService) -> dict[str, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Two images of the network's size, without faces."""
    own = service.manifest.embedder.shape
    shape = own if max(own[:2]) <= _EXAMPLE_SIDE else within(own, _EXAMPLE_SIDE)
    down, across = (np.linspace(0, 255, side).astype(np.uint8) for side in shape[:2])
    reference = np.broadcast_to(across[np.newaxis, :, np.newaxis], shape)
    test = np.broadcast_to(down[:, np.newaxis, np.newaxis], shape)
    return {"reference": np.array(reference), "test": np.array(test)}


def _protocol_paths() -> dict[str, Any]:
    """The routes of the Open Inference Protocol, which its own specification describes."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    anything = {"content": {JSON: {"schema": {"type": "object"}}}}
    answers = {
        "200": {"description": "As the Open Inference Protocol has it", **anything},
        "4XX": {"description": "An object with `error`", **anything},
    }

    busy = {
        str(status): {"description": HTTPStatus(status).phrase, **anything} for status in (503, 504)
    }
    not_ready = {"503": {"description": "It is not", **anything}}

    def get(summary: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
        responses = answers | more
        return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}

    return {
        "/v2": get("Open Inference Protocol: the server"),
        "/v2/health/live": get("Open Inference Protocol: does it live"),
        "/v2/health/ready": get("Open Inference Protocol: is it ready", **not_ready),
        "/v2/models/{model}": get("Open Inference Protocol: a model", model),
        "/v2/models/{model}/ready": get(
            "Open Inference Protocol: is a model ready", model, **not_ready
        ),
        "/v2/models/{model}/infer": {
            "post": {
                "summary": "Open Inference Protocol: run embedder, decoder, responses, explainer",
                "parameters": [model],
                "requestBody": {"required": True, **anything},
                "responses": answers | busy,
            }
        },
    }
