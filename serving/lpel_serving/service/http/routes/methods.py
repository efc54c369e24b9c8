"""`GET /v1/methods`: the explanation methods of this server, and what they cost."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.engine.inventory import MethodEntry, count_images, error_message
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.methods.catalogue.registry import make_method, own_parameters
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import Networks
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import checked, json_response
from lpel_serving.service.http.messages.problems import Problem, concerning
from lpel_serving.service.http.routes.feasible import can_finish, check_decision, finishes
from lpel_serving.service.http.schemas.answers import MethodsAnswer
from lpel_serving.service.http.schemas.requests import MethodFields
from lpel_serving.service.http.settings import Limits, Settings
from lpel_serving.support.errors import WithdrawnError


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def answer(request: Request) -> Response:
        del request
        document = methods_document(service, settings.limits)
        return json_response(checked(MethodsAnswer, document))

    return [Route("/v1/methods", answer, methods=["GET"])]


def methods_document(service: ExplanationService, limits: Limits) -> dict[str, Any]:
    """List the methods as JSON-serialisable values, with the time that each takes here."""
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
    return {
        **entry.record(served=True),
        "seconds": service.pace.seconds(entry.embeddings) if entry.decisions else None,
        "finishes": any(cost["finishes"] for cost in costs.values()),
        "costs": costs,
    }


def chosen_method(fields: MethodFields, service: ExplanationService) -> tuple[str, Method]:
    """Make the method that a request chooses.

    Raises
    ------
    Problem
        If there is none of that name, it cannot be used with this bundle, or a parameter is not its
        own, out of range, or given twice.
    """
    name = fields.method or service.explainer.default_name
    entry = service.methods.get(name)
    if entry is not None and entry.reason is not None:
        detail = f"the method {name} cannot be used here: {entry.reason}"
        raise Problem(422, detail, about="method")
    with concerning("method"):
        own = {one.name for one in own_parameters(name)}
    if fields.p is not None and "p" not in own:
        detail = f"p is LPEL's own: it is not taken with the method {name[:60]!a}. Leave it out."
        raise Problem(422, detail, about="p")
    values = _values(fields)
    with concerning("parameters"):
        return name, make_method(name, values, served=True)


def _values(fields: MethodFields) -> dict[str, Any]:
    """The parameters of a request, `p` included, which has a field of its own."""
    values = fields.parameters or {}
    if fields.p is None:
        return values
    if "p" in values:
        detail = "p is given twice, by itself and among the parameters: give it once."
        raise Problem(422, detail, about="parameters")
    return {**values, "p": fields.p}


async def images_for(
    name: str,
    method: Method,
    fields: MethodFields,
    decision: str,
    service: ExplanationService,
    limits: Limits,
    token: CancellationToken,
    *,
    one_way: bool = False,
) -> int:
    """Count the images that a method with its parameters embeds for a pair, both ways.

    Raises
    ------
    Problem
        If it does not explain such a pair, or fails with these parameters.
    """
    check_decision(name, decision, service)
    entry = service.methods[name]
    if not fields.parameters:
        return (entry.one_way if one_way else entry.images)[decision]

    def is_too_many(images: int) -> bool:
        token.check()
        return not can_finish(images, service, limits)

    def count(_: Networks) -> int:
        try:
            return count_images(
                method,
                service.explainer,
                similar=decision == DECISIONS[True],
                one_way=one_way,
                is_too_many=is_too_many,
            )
        except WithdrawnError:
            raise
        except Exception as error:  # another package's method may fail as it likes
            detail = f"the method {name} fails with these parameters: {error_message(error)}"
            raise Problem(422, detail, about="parameters") from error

    return await service.run(count, token, slow=True)  # it makes all images, though it embeds none
