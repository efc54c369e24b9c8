"""The ASGI application: routes, and the middleware around them."""

import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.surrogate import try_out_surrogate
from lpel_serving.images.crop_words import called
from lpel_serving.images.crops import PLAIN_CROPS, Crop, parse_crop
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http import openapi, security
from lpel_serving.service.http.limits.admission import Admission, Gate
from lpel_serving.service.http.limits.untaken import Untaken
from lpel_serving.service.http.limits.uploads import Uploads
from lpel_serving.service.http.messages.problems import Faults, on_error, on_refusal
from lpel_serving.service.http.observation import Metrics, Observation
from lpel_serving.service.http.open_inference import routes as protocol
from lpel_serving.service.http.page import routes as page
from lpel_serving.service.http.routes import about, assess, explain, methods, verify
from lpel_serving.service.http.routes.health import Health
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.cores import AT_ONCE, inference_threads
from lpel_serving.support.errors import ImageError, LpelError, MissingExtraError, ParameterError
from lpel_serving.support.image_shape import ImageShape

COMPUTING = ("/v1/", "/v2/models/")


def open_service(settings: Settings) -> ExplanationService:
    """Load the bundle, and start its service.

    Raises
    ------
    BundleError, ProviderError, ParameterError
        See `Explainer.load`.
    """
    explainer = Explainer.load(
        settings.bundle,
        crop=settings.crop,
        provider=settings.provider,
        threads=settings.threads or inference_threads(),
    )
    own, chosen = explainer.manifest.crop, explainer.embedder.crop
    crops: dict[str, Crop] = {called(settings.crop, own): chosen, "none": PLAIN_CROPS["none"]}
    if chosen == PLAIN_CROPS["none"]:
        crops |= PLAIN_CROPS  # for photographs of other proportions, which it refuses
    if own not in crops:
        with contextlib.suppress(ParameterError, MissingExtraError):  # a plugin's may differ
            crops[own] = parse_crop(own)
    return ExplanationService(
        explainer,
        {**crops, **{name: crop for name, crop in settings.crops.items() if name not in crops}},
        batch_size=settings.batch_size,
        batch_wait=settings.batch_wait,
        at_once=AT_ONCE,
        cache_bytes=settings.cache_bytes,
        max_pixels=settings.limits.pixels,
    )


def build_app(
    service: ExplanationService, settings: Settings, health: Health | None = None
) -> Starlette:
    """Build the application around a service.

    Parameters
    ----------
    service
        The service, which is closed when the application ends.
    settings
        Its settings.
    health
        The state that `/readyz` reports; a new one if None.
    """
    health = health or Health()
    gate = Gate(settings.limits.admitted)
    uploads = Uploads(settings.limits, lambda: health.draining)
    untaken = Untaken(settings.limits.untaken_bytes)
    metrics = Metrics(service, gate, uploads, untaken)
    routes: list[BaseRoute] = [
        *health.routes(),
        Route("/metrics", metrics.page, methods=["GET"]),
        *explain.routes(service, settings),
        *verify.routes(service, settings),
        *assess.routes(service, settings),
        *methods.routes(service, settings),
        *about.routes(service, settings),
        *openapi.routes(service, settings),
        *protocol.routes(service, settings, health),
        *page.routes(service, settings),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Observation, metrics=metrics),
            *security.middleware(settings),
            Middleware(
                Admission,
                gate=gate,
                uploads=uploads,
                seconds=settings.limits.seconds,
                computes=_computes,
            ),
            Middleware(Faults),
        ],
        exception_handlers={
            LpelError: on_error,
            HTTPException: on_refusal,
        },
        lifespan=_lifespan(service, health),
    )
    app.state.untaken = untaken  # the server's connections count their unsent answers there
    app.router.redirect_slashes = False  # a redirect would repeat the host that the client sent
    return app


def _computes(method: str, path: str) -> bool:
    return method == "POST" and path.startswith(COMPUTING)


def _lifespan(
    service: ExplanationService, health: Health
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        await warm_up(service)  # nobody can connect before that
        yield
        health.draining = True
        service.close()

    return lifespan


async def warm_up(service: ExplanationService) -> None:
    """Run everything once: first calls are slow, and failures should show at the start."""
    shape = service.manifest.embedder.shape
    token = CancellationToken()
    for crop in service.crops.values():
        await service.run_in_thread(lambda crop=crop: _try_out(crop, shape), token)
    embeddings = await service.embed(np.zeros((2, *shape), np.uint8), token)
    if service.explainer.decodes:
        await service.run(lambda networks: networks.decode(embeddings), token)
    if service.explainer.responds:
        await service.run(lambda networks: networks.respond(embeddings), token)
    record, black = service.manifest.surrogate, np.zeros((1, *shape), np.uint8)
    if record is not None:
        await service.run(lambda networks: try_out_surrogate(networks, record, black), token)
    for _ in range(2):  # slow the first time, too
        await service.measure_pace(token)


def _try_out(crop: Crop, shape: ImageShape) -> None:
    """Let a crop load what it needs."""
    with contextlib.suppress(ImageError):  # there is no face in it
        crop(np.zeros(shape, np.uint8), shape)
