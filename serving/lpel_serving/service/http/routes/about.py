"""`GET /v1/about`: what this server offers, for its page and for other clients."""

from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.bundle.manifest import EXPLAINER_FILE
from lpel_serving.bundle.safety.metadata import read_metadata
from lpel_serving.images.crop_words import crop_title
from lpel_serving.images.crops import CentreCrop, WholeImage
from lpel_serving.images.reading import FORMATS
from lpel_serving.methods.catalogue.registry import default_name
from lpel_serving.report.caveats import in_common, of_maps
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import checked, json_response
from lpel_serving.service.http.page.routes import RUNTIME
from lpel_serving.service.http.routes.methods import methods_document
from lpel_serving.service.http.schemas.answers import AboutAnswer
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import MissingExtraError
from lpel_serving.support.extras import require


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""
    document = about_document(service, settings)

    async def about(request: Request) -> Response:
        del request
        methods = methods_document(service, settings.limits)["methods"]  # their times are measured
        return json_response(checked(AboutAnswer, document | {"methods": methods}))

    return [Route("/v1/about", about, methods=["GET"])]


def about_document(service: ExplanationService, settings: Settings) -> dict[str, Any]:
    """Describe what this server offers, as JSON-serialisable values."""
    manifest = service.manifest
    methods = methods_document(service, settings.limits)
    return {
        "version": version("lpel-tf"),
        "embedder": manifest.embedder.name,
        "licence": manifest.licence,
        "bundle": manifest.identity,
        "subject": manifest.subject.words,
        "image_shape": list(manifest.embedder.shape),
        "reconstruction_shape": None if manifest.decoder is None else list(manifest.decoder.shape),
        "threshold": manifest.threshold.value,
        "comparison": manifest.comparison.kind,
        "spread": manifest.comparison.spread,
        "crops": [
            {
                "name": name,
                "title": crop_title(name, crop, manifest.embedder.shape),
                "default": place == 0,
            }
            for place, (name, crop) in enumerate(service.crops.items())
        ],
        "default_method": methods["default"],
        "methods": methods["methods"],
        "samples": _samples(settings),
        "limits": {
            "request_bytes": settings.limits.request_bytes,
            "pixels": settings.limits.pixels,
            "seconds": settings.limits.seconds,
        },
        "formats": list(FORMATS),
        "key_needed": settings.api_key is not None,
        "figures": _draws_figures(),
        "browser": _browser(service, settings),
    }


def _samples(settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "title": sample.title,
            "crop": sample.crop,
            "same_person": sample.same_person,
            **{
                role: {"name": face.name, "url": f"/samples/{place}-{role}"}
                for role, face in (("reference", sample.reference), ("test", sample.test))
            },
        }
        for place, sample in enumerate(settings.samples)
    ]


def _draws_figures() -> bool:
    try:
        require("matplotlib.figure", "figures")
    except MissingExtraError:
        return False
    return True


def _browser(service: ExplanationService, settings: Settings) -> dict[str, Any] | None:
    """What the page needs to compute in the browser; None if any of it is missing."""
    record = service.manifest.files.get(EXPLAINER_FILE)
    squares = service.manifest.embedder.shape.is_square_rgb  # the page cuts no others
    if record is None or settings.web_runtime is None or not squares:
        return None
    said = read_metadata(memoryview((settings.bundle / EXPLAINER_FILE).read_bytes()))
    if said.get("bundle_sha256") != service.manifest.identity:
        return None  # made from another bundle, it would answer differently from this server
    method = said.get("method", default_name(responds=service.explainer.responds))
    if method not in service.methods:
        return None  # its maps could not be explained
    manifest = service.manifest
    common = in_common(  # unmeasured: the same of both decisions
        method, None, similar=True, subject=manifest.subject, embedder=manifest.embedder.name
    )
    return {
        "explainer": f"/models/{EXPLAINER_FILE}",
        "bytes": record.bytes,
        "sha256": record.sha256,
        "method": method,
        "parameters": {"fill": said["fill"]} if "fill" in said else {},
        "caveats": of_maps(
            service.methods[method].description.caveat, regions=False, common=common
        ),
        "runtime": f"/runtime/{RUNTIME[0]}",
        "crops": [
            name
            for name, crop in service.crops.items()
            if isinstance(crop, CentreCrop | WholeImage)
        ],
    }
