"""`GET /v1/methods`: the explanation methods that this server has, and what they cost."""

from dataclasses import asdict
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.engine.inventory import MethodEntry
from lpel_serving.methods.default import LPEL
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method, find_method
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import checked, json_response
from lpel_serving.service.http.messages.problems import Problem, concerning
from lpel_serving.service.http.routes.feasible import finishes
from lpel_serving.service.http.schemas.answers import MethodsAnswer
from lpel_serving.service.http.schemas.requests import MethodFields
from lpel_serving.service.http.settings import Limits, Settings

_found = lru_cache(find_method)
"""To read what is installed takes longer than to explain a pair."""


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def answer(request: Request) -> Response:
        del request
        document = methods_document(service, settings.limits)
        return json_response(checked(MethodsAnswer, document))

    return [Route("/v1/methods", answer, methods=["GET"])]


def methods_document(service: ExplanationService, limits: Limits) -> dict[str, Any]:
    """List the methods in JSON's own types, with how long each takes here as far as is known."""
    return {
        "default": service.explainer.default_name,
        "methods": [_entry(entry, service, limits) for entry in service.methods.values()],
    }


def _entry(entry: MethodEntry, service: ExplanationService, limits: Limits) -> dict[str, Any]:
    costs = {
        decision: {
            "embeddings": images,
            "seconds": service.pace.seconds(images),
            "finishes": finishes(images, service, limits),
        }
        for decision, images in entry.images.items()
    }
    known = {
        name: value for name, value in asdict(entry).items() if name not in ("images", "one_way")
    }
    return {
        **known,
        "available": bool(entry.decisions),
        "seconds": service.pace.seconds(entry.embeddings) if entry.decisions else None,
        "finishes": any(cost["finishes"] for cost in costs.values()),
        "costs": costs,
    }


def chosen_method(fields: MethodFields, service: ExplanationService) -> tuple[str, Method]:
    """Make the method that a request asks for.

    Raises
    ------
    Problem
        If there is none of that name, it cannot be used with this bundle, or `p` is given to
        another than LPEL.
    """
    name = fields.method or service.explainer.default_name
    if fields.p is not None and name != LPEL:
        detail = f"p is LPEL's own: it is not taken with the method {name[:60]!a}. Leave it out."
        raise Problem(422, detail, about="p")
    entry = service.methods.get(name)
    if entry is not None and entry.reason is not None:
        detail = f"the method {name} cannot be used here: {entry.reason}"
        raise Problem(422, detail, about="method")
    if name == LPEL:
        return name, Lpel() if fields.p is None else Lpel(fields.p)
    with concerning("method"):
        return name, _found(name)
