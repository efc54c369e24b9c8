"""`/v2`: the routes of the Open Inference Protocol, and more that Triton's clients use."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON, json_bytes, json_response
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.explainer import explainer_model
from lpel_serving.service.http.open_inference.inference import infer
from lpel_serving.service.http.open_inference.models import VERSION, Model, network_models
from lpel_serving.service.http.routes.health import Health
from lpel_serving.service.http.settings import Settings

EXTENSIONS = ("binary_tensor_data", "model_configuration")
"""Supported extensions of the protocol, by Triton's names."""

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(
    service: ExplanationService, settings: Settings, health: Health | None = None
) -> list[BaseRoute]:
    """Make the route of the whole protocol.

    Parameters
    ----------
    service
        Runs the models.
    settings
        The limits of a request.
    health
        Whether the models are ready; they always are if None.
    """
    most = settings.limits.batch
    models = {
        one.name: one for one in (*network_models(service, most), explainer_model(service, most))
    }
    state = Health() if health is None else health

    async def answer(request: Request, model: Model) -> Response:
        return await infer(request, model, service, settings.limits)

    inner = Router(
        [*_of_the_server(models, state), *_of_models(models, state, answer)],
        redirect_slashes=False,
    )
    return [Route("/v2{rest:path}", inner)]


def _of_the_server(models: Mapping[str, Model], health: Health) -> Iterable[Route]:
    async def about(_: Request) -> Response:
        return json_response(
            {"name": "lpel", "version": version("lpel-tf"), "extensions": EXTENSIONS}
        )

    async def live(_: Request) -> Response:
        return json_response({"live": True})

    async def ready(_: Request) -> Response:
        # The specification's word is `live`, that of servers and clients `ready`.
        return _readiness(health, {"live": True})

    async def index(_: Request) -> Response:
        state = "READY" if health.ready else "UNAVAILABLE"
        return json_response(
            [{"name": name, "version": VERSION, "state": state} for name in models]
        )

    yield from _route("/v2", about)
    yield from _route("/v2/health/live", live)
    yield from _route("/v2/health/ready", ready)
    yield from _route("/v2/repository/index", index, "POST")


def _of_models(
    models: Mapping[str, Model],
    health: Health,
    answer: Callable[[Request, Model], Awaitable[Response]],
) -> Iterable[Route]:
    async def metadata(_: Request, model: Model) -> Response:
        return json_response(model.metadata())

    async def configuration(_: Request, model: Model) -> Response:
        return json_response(model.configuration())

    async def ready(_: Request, model: Model) -> Response:
        return _readiness(health, {"name": model.name})

    def of_model(endpoint: Callable[[Request, Model], Awaitable[Response]]) -> Endpoint:
        async def found(request: Request) -> Response:
            asked = request.path_params
            return await endpoint(request, _find(models, asked["name"], asked.get("number")))

        return found

    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{number}"):
        yield from _route(path, of_model(metadata))
        yield from _route(f"{path}/config", of_model(configuration))
        yield from _route(f"{path}/ready", of_model(ready))
        yield from _route(f"{path}/infer", of_model(answer), "POST")


def _route(path: str, endpoint: Endpoint, method: str = "GET") -> Iterable[Route]:
    for ending in ("", "/"):  # the specification writes both
        yield Route(path + ending, endpoint, methods=[method])


def _find(models: Mapping[str, Model], name: str, number: str | None) -> Model:
    if name not in models:
        raise Problem(404, f"no model is called {name[:40]!a}; there are: {', '.join(models)}.")
    if number not in (None, VERSION):
        raise Problem(404, f"{name} has the version {VERSION} alone, not {number[:40]!a}.")
    return models[name]


def _readiness(health: Health, about: Mapping[str, object]) -> Response:
    body = json_bytes({**about, "ready": health.ready})
    return Response(body, 200 if health.ready else 503, media_type=JSON)
