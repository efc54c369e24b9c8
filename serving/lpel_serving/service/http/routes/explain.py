"""`POST /v1/explain`: why the network calls two faces the same or different, both ways."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.engine.pair import explain_pair
from lpel_serving.methods.counted import counted
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.methods.explanation import Explanation, PairExplanation
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.report.array_file import arrays, npz
from lpel_serving.report.document import document
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.figures.canvas import png as figure_png
from lpel_serving.report.pictures import displayable, heat_map_picture, mask_picture, overlay, png
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.embedded_face import features_of
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import (
    JSON,
    LINES,
    NPZ,
    PNG,
    accepted,
    as_base64,
    checked,
    json_bytes,
    packed,
)
from lpel_serving.service.http.messages.lines import in_lines
from lpel_serving.service.http.messages.pairs import read_pair
from lpel_serving.service.http.routes.feasible import check_time, instead_of, naming
from lpel_serving.service.http.routes.methods import chosen_method, images_for
from lpel_serving.service.http.routes.pair import decide, read_faces
from lpel_serving.service.http.schemas.answers import ExplainAnswer
from lpel_serving.service.http.schemas.requests import ExplainFields
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.networks import PORTION
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.progress import Progress, silent

Write = Callable[[NDArray[Any], Callable[[], Pixels]], Any]


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def explain(request: Request) -> Response:
        kind = accepted(request, JSON, NPZ, PNG, LINES)
        token: CancellationToken = request.state.token
        asked = await read_pair(request, ExplainFields, service, settings.limits)
        name, method = chosen_method(asked, service)
        faces = await read_faces(asked, service, token)
        pair, known = decide(faces, asked, service), features_of(faces)
        word = pair.decision.word
        images = await images_for(name, method, asked, word, service, settings.limits, token)
        await _check(name, images, service, settings, token)

        def explained_by(networks: Networks, progress: Progress) -> PairExplanation:
            with naming(name), counted(method, {word: images}, progress, portion=PORTION) as one:
                return explain_decided(pair, known, one, networks, asked, service)

        def work(networks: Networks) -> bytes:
            return _written(kind, explained_by(networks, silent), asked)

        def lines(networks: Networks, progress: Progress) -> dict[str, Any]:
            return _document(explained_by(networks, progress), asked)

        if kind == LINES:
            return await in_lines(request, lines, service, slow=images > 0)
        return Response(await service.run(work, token, slow=images > 0), media_type=kind)

    return [Route("/v1/explain", explain, methods=["POST"])]


async def _check(
    name: str,
    images: int,
    service: ExplanationService,
    settings: Settings,
    token: CancellationToken,
) -> None:
    """Refuse a method that cannot explain this pair in time."""
    if images:
        await check_time(
            images,
            service,
            settings.limits,
            token,
            what=f"the method {name}",
            about="method",
            instead=instead_of(name, service),
        )


def explain_decided(
    pair: DecidedPair,
    known: ImageFeatures | None,
    method: Method,
    networks: Networks,
    fields: ExplainFields,
    service: ExplanationService,
) -> PairExplanation:
    """Explain the decision on two faces, as `Explainer.explain` does."""
    return explain_pair(
        pair,
        method,
        networks,
        service.manifest,
        service.find_crop(fields.crop),
        known=known,
        epsilon=fields.epsilon,
        seed=fields.seed,
    )


def _written(kind: str, pair: PairExplanation, fields: ExplainFields) -> bytes:
    if kind == NPZ:
        return npz(arrays(pair))
    if kind == PNG:
        return figure_png(pair_figure(pair))
    return json_bytes(_document(pair, fields))


def _document(pair: PairExplanation, fields: ExplainFields) -> dict[str, Any]:
    """The pair's document, with the requested arrays and pictures."""
    answer = document(pair)
    ways = answer["explanations"]
    ways["reference"] |= _included(pair.swapped, pair.reference_crop, fields)
    ways["test"] |= _included(pair.forward, pair.test_crop, fields)
    if "figure" in fields.include:
        answer["figure"] = as_base64(figure_png(pair_figure(pair)))
    return checked(ExplainAnswer, answer)


def _included(explanation: Explanation, crop: Pixels, fields: ExplainFields) -> dict[str, Any]:
    """The requested arrays and pictures of one of the two explanations, as far as it has them."""
    write = _WRITERS[fields.arrays]
    heat_map, mask = explanation.heat_map, explanation.mask
    makers: dict[str, Callable[[], Any]] = {
        "heat_map": lambda: write(heat_map, lambda: heat_map_picture(heat_map)),
        "mask": lambda: write(mask, lambda: mask_picture(crop, mask)),
        "overlay": lambda: as_base64(png(overlay(crop, heat_map))),
        "crop": lambda: as_base64(png(crop)),
    }
    drawn = explanation.reconstruction
    if drawn is not None:
        makers["reconstruction"] = lambda: write(drawn, lambda: displayable(drawn))
    return {part: make() for part, make in makers.items() if part in fields.include}


_WRITERS: dict[str, Write] = {
    "lists": lambda values, _: values,
    "base64": lambda values, _: packed(values),
    "png": lambda _, picture: as_base64(png(picture())),
}
