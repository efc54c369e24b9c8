"""`POST /v1/explain`: why the network calls two faces the same or different, both ways."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.engine.usual import usual_maps
from lpel_serving.equations.similarity import DECISIONS
from lpel_serving.images.found import faces_record, in_words
from lpel_serving.methods.counted import counted
from lpel_serving.methods.explain import explain_by
from lpel_serving.methods.explanation import Explanation, PairExplanation
from lpel_serving.methods.method import Method, Networks, is_control
from lpel_serving.methods.parameters import parameters_of
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.figures.canvas import png as figure_png
from lpel_serving.report.figures.source import source_of
from lpel_serving.report.pictures import displayable, heat_map_picture, mask_picture, overlay, png
from lpel_serving.report.record import (
    arrays,
    divided,
    npz,
    reconstruction_error,
    region_records,
    usual_numbers,
)
from lpel_serving.report.verdict import explained
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.embedded_face import EmbeddedFace
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
from lpel_serving.service.http.routes.feasible import check_decision, check_time, instead_of, naming
from lpel_serving.service.http.routes.methods import chosen_method, images_for
from lpel_serving.service.http.routes.pair import (
    confidence_of,
    crop_name,
    decide,
    decision_numbers,
    provenance,
    read_faces,
)
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
        needed = await images_for(name, method, asked, service, token)
        images = await _check(name, needed, faces, service, settings, token)

        def explained_by(networks: Networks, progress: Progress) -> PairExplanation:
            with naming(name), counted(method, needed, progress, portion=PORTION) as one:
                return explain_faces(faces, one, networks, asked, service)

        def work(networks: Networks) -> bytes:
            pair = explained_by(networks, silent)
            return _written(kind, pair, name, method, asked, service)

        def lines(networks: Networks, progress: Progress) -> dict[str, Any]:
            pair = explained_by(networks, progress)
            return _document(pair, name, method, asked, service)

        if kind == LINES:
            return await in_lines(request, lines, service, slow=images > 0)
        return Response(await service.run(work, token, slow=images > 0), media_type=kind)

    return [Route("/v1/explain", explain, methods=["POST"])]


async def _check(
    name: str,
    needed: Mapping[str, int],
    faces: tuple[EmbeddedFace, EmbeddedFace],
    service: ExplanationService,
    settings: Settings,
    token: CancellationToken,
) -> int:
    """Refuse a method that does not explain this pair, or not in time; count what it embeds."""
    decision = DECISIONS[decide(faces, service)[1]]
    check_decision(name, decision, service)
    images = needed.get(decision, 0)
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
    return images


def explain_faces(
    faces: tuple[EmbeddedFace, EmbeddedFace],
    method: Method,
    networks: Networks,
    fields: ExplainFields,
    service: ExplanationService,
) -> PairExplanation:
    """Explain the decision on two faces, as `Explainer.explain` does."""
    reference, test = faces
    pair = explain_by(
        method,
        networks,
        (reference.crop, test.crop),
        np.stack([reference.embedding, test.embedding]),
        service.manifest.threshold.value,
        epsilon=fields.epsilon,
        seed=fields.seed,
    )
    plausibility = service.explainer.pair_plausibility(reference.embedding, test.embedding)
    cut = service.find_crop(fields.crop)
    usual = usual_maps(service.manifest.usual, method, similar=pair.similar, crop=cut)
    found = (reference.found, test.found)
    return replace(pair, plausibility=plausibility, found=found, usual=usual)


def _written(
    kind: str,
    pair: PairExplanation,
    name: str,
    method: Method,
    fields: ExplainFields,
    service: ExplanationService,
) -> bytes:
    if kind == NPZ:
        return npz(arrays(pair))
    if kind == PNG:
        return _figure(pair, name, method, fields, service)
    return json_bytes(_document(pair, name, method, fields, service))


def _document(
    pair: PairExplanation,
    name: str,
    method: Method,
    fields: ExplainFields,
    service: ExplanationService,
) -> dict[str, Any]:
    of_test, of_reference = divided(pair)
    usual = pair.usual
    verdict = explained(
        pair,
        of_test,
        of_reference,
        method=name,
        crop=crop_name(service, fields.crop),
        own_crop=service.manifest.crop,
        confidence=confidence_of(pair.similarity, pair.plausibility, service),
    )
    document = {
        **decision_numbers(pair.similarity, pair.plausibility, service),
        "words": (*verdict.words, *in_words(pair.found)),
        "caveats": verdict.caveats,
        "beside_map": verdict.beside_map,
        "usual": usual_numbers(usual),
        "faces": faces_record(pair.found),
        "agreement": {"spearman": pair.agreement.spearman, "mask_iou": pair.agreement.iou},
        "explanations": {
            "reference": {
                "regions": region_records(of_reference, usual),
                **_one_way(pair.swapped, pair.reference_crop, fields, service),
            },
            "test": {
                "regions": region_records(of_test, usual),
                **_one_way(pair.forward, pair.test_crop, fields, service),
            },
        },
        "method": {**method_record(name, method), "epsilon": fields.epsilon, "seed": fields.seed},
        **provenance(service, fields.crop),
    }
    if "figure" in fields.include:
        document["figure"] = as_base64(_figure(pair, name, method, fields, service))
    return checked(ExplainAnswer, document)


def _figure(
    pair: PairExplanation,
    name: str,
    method: Method,
    fields: ExplainFields,
    service: ExplanationService,
) -> bytes:
    """Draw a pair as a PNG that says what made it."""
    source = source_of(service.manifest, name, method, crop_name(service, fields.crop))
    return figure_png(pair_figure(pair, source=source))


def method_record(name: str, method: Method) -> dict[str, Any]:
    """A method and its own parameters in JSON's own types."""
    return {"name": name, "control": is_control(method), "parameters": parameters_of(method)}


def _one_way(
    explanation: Explanation, crop: Pixels, fields: ExplainFields, service: ExplanationService
) -> dict[str, Any]:
    return {
        "mask_share": float(explanation.mask.mean()),
        "reconstruction_mse": reconstruction_error(explanation.reconstruction, crop),
        "typical_mse": _typical_error(service),
        **_included(explanation, crop, fields),
    }


def _typical_error(service: ExplanationService) -> float | None:
    """The decoder's error on people it was not trained on, if the bundle's maker measured it."""
    losses = service.manifest.decoder.training.get("test_loss")
    if not isinstance(losses, dict):
        return None
    typical = cast("dict[str, Any]", losses).get("decoder")
    return typical if isinstance(typical, float) else None


def _included(explanation: Explanation, crop: Pixels, fields: ExplainFields) -> dict[str, Any]:
    """The arrays and pictures that were asked for, of one of the two explanations."""
    write = _WRITERS[fields.arrays]
    heat_map, mask, picture = (
        explanation.heat_map,
        explanation.mask,
        explanation.reconstruction,
    )
    makers: dict[str, Callable[[], Any]] = {
        "heat_map": lambda: write(heat_map, lambda: heat_map_picture(heat_map)),
        "mask": lambda: write(mask, lambda: mask_picture(crop, mask)),
        "reconstruction": lambda: write(picture, lambda: displayable(picture)),
        "overlay": lambda: as_base64(png(overlay(crop, heat_map))),
        "crop": lambda: as_base64(png(crop)),
    }
    return {part: make() for part, make in makers.items() if part in fields.include}


_WRITERS: dict[str, Write] = {
    "lists": lambda values, _: values,
    "base64": lambda values, _: packed(values),
    "png": lambda _, picture: as_base64(png(picture())),
}
