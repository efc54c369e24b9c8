"""`GET /v1/methods`: the explanation methods that this server has, and what they cost."""

from dataclasses import asdict
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.explainer import Explainer
from lpel_serving.http.answers import json_response
from lpel_serving.http.problems import Problem, concerning
from lpel_serving.http.requests import MethodFields
from lpel_serving.http.settings import Settings
from lpel_serving.methods.default import LPEL
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method, find_method
from lpel_serving.service.desk import Desk

_found = lru_cache(find_method)
"""To read what is installed takes longer than to explain a pair."""


def routes(desk: Desk, settings: Settings) -> list[BaseRoute]:
    """Make the route."""
    del settings
    document = methods_document(desk)

    async def answer(request: Request) -> Response:
        del request
        return json_response(document)

    return [Route("/v1/methods", answer, methods=["GET"])]


def methods_document(desk: Desk) -> dict[str, Any]:
    """List the methods in JSON's own types."""
    return {
        "default": desk.explainer.default_name,
        "methods": [
            asdict(entry) | {"available": bool(entry.decisions)} for entry in desk.methods.values()
        ],
    }


def chosen_method(fields: MethodFields, explainer: Explainer) -> tuple[str, Method]:
    """Make the method that a request asks for.

    Raises
    ------
    Problem
        If there is none of that name, or `p` is given to another than LPEL.
    """
    name = fields.method or explainer.default_name
    if name == LPEL:
        return name, Lpel() if fields.p is None else Lpel(fields.p)
    if fields.p is not None:
        raise Problem(
            422,
            f"p is LPEL's own: it is not taken with the method {name[:60]!a}. Leave it out.",
            about="p",
        )
    with concerning("method"):
        return name, _found(name)
