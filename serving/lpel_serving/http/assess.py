"""`POST /v1/assess`: the faithfulness receipt of one explanation, with its progress if asked."""

from contextlib import nullcontext
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.found import faces_record
from lpel_serving.http.answers import JSON, LINES, accepted, json_response
from lpel_serving.http.explain import method_record
from lpel_serving.http.lines import in_lines
from lpel_serving.http.methods import chosen_method
from lpel_serving.http.pair import provenance, read_faces
from lpel_serving.http.problems import concerning
from lpel_serving.http.requests import AssessFields, read_pair
from lpel_serving.http.settings import Settings
from lpel_serving.laboratory.curve_settings import settings_for
from lpel_serving.laboratory.judgement import SCALE_TITLES
from lpel_serving.laboratory.receipt import Receipt, question_for, receipt
from lpel_serving.laboratory.study import find_question
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.method import FacePair, Method, Networks, is_control
from lpel_serving.plausibility import doubt_of
from lpel_serving.progress import Progress, silent
from lpel_serving.record import DECISIONS, plausibility_numbers
from lpel_serving.service.cache import Face
from lpel_serving.service.desk import Desk
from lpel_serving.service.ticket import Ticket
from lpel_serving.similarity import cosine_similarity, is_similar
from lpel_serving.verdict import on_plausibility


def routes(desk: Desk, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def assess(request: Request) -> Response:
        kind = accepted(request, JSON, LINES)
        ticket: Ticket = request.state.ticket
        asked = await read_pair(request, AssessFields, desk, settings.limits)
        name, method = chosen_method(asked.fields, desk.explainer)
        faces = await read_faces(asked, desk, ticket)

        def work(networks: Networks, progress: Progress) -> dict[str, Any]:
            return _assess(faces, name, method, networks, asked.fields, desk, progress)

        if kind == LINES:
            return await in_lines(request, work, desk)
        return json_response(
            await desk.run(lambda networks: work(networks, silent), ticket, slow=True)
        )

    return [Route("/v1/assess", assess, methods=["POST"])]


def _assess(
    faces: tuple[Face, Face],
    name: str,
    method: Method,
    networks: Networks,
    fields: AssessFields,
    desk: Desk,
    progress: Progress,
) -> dict[str, Any]:
    reference, test = faces
    similarity = float(cosine_similarity(reference.embedding, test.embedding))
    similar = is_similar(similarity, desk.manifest.threshold.value)
    pair = FacePair(reference.crop, test.crop, reference.embedding, test.embedding, similar)
    question = (
        question_for(similar=similar) if fields.curve is None else find_question(fields.curve)
    )
    values = checked_map(method, pair, networks, np.random.default_rng(fields.seed), name)
    side = desk.manifest.decoder.image_size
    settings = settings_for(question.kind, side, every=fields.every, draws=fields.draws)
    with nullcontext() if fields.curve is None else concerning("curve"):
        found = receipt(
            networks,
            pair,
            values,
            question,
            settings,
            fields.seed,
            control=is_control(method),
            progress=progress,
        )
    check = desk.explainer.pair_plausibility(reference.embedding, test.embedding)
    doubt = doubt_of(check)
    return {
        "curve": fields.curve or DECISIONS[similar],
        "title": question.title,
        "decision": DECISIONS[similar],
        "similarity": similarity,
        "method": {**method_record(name, method), "seed": fields.seed},
        **_numbers(found),
        "words": found.words,
        "caveats": (*([] if doubt is None else [on_plausibility(doubt)]), *found.caveats),
        "plausibility": plausibility_numbers(check),
        "faces": faces_record((reference.found, test.found)),
        **provenance(desk, fields.crop),
    }


def _numbers(found: Receipt) -> dict[str, Any]:
    return {
        "scale": SCALE_TITLES[found.scale],
        "lower_is_better": found.lower_is_better,
        "replaced": found.replaced,
        "own": found.own,
        "random": {
            "mean": found.random.mean(axis=0),
            "low": found.random.min(axis=0),
            "high": found.random.max(axis=0),
        },
        "area": {
            "own": found.area,
            "random": found.random_areas,
            "random_mean": float(found.random_areas.mean()),
        },
        "beaten": found.beaten,
        "draws": len(found.random_areas),
    }
