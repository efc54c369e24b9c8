"""`POST /v1/assess`: the faithfulness receipt of one explanation, with its progress if asked."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.equations.similarity import DECISIONS
from lpel_serving.faithfulness.curve_settings import CurveSettings, settings_for
from lpel_serving.faithfulness.judgement import SCALE_TITLES
from lpel_serving.faithfulness.receipt import Receipt, images_of, question_for, receipt
from lpel_serving.faithfulness.study import Question, find_question
from lpel_serving.images.found import faces_record
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.counted import counted
from lpel_serving.methods.method import FacePair, Method, Networks, is_control
from lpel_serving.report.record import plausibility_numbers
from lpel_serving.report.verdict import on_plausibility
from lpel_serving.service.cache import Face
from lpel_serving.service.desk import Desk
from lpel_serving.service.http.messages.answers import JSON, LINES, accepted, json_response
from lpel_serving.service.http.messages.lines import in_lines
from lpel_serving.service.http.messages.problems import concerning
from lpel_serving.service.http.messages.requests import AssessFields, read_pair
from lpel_serving.service.http.routes.explain import method_record
from lpel_serving.service.http.routes.feasible import check_decision, check_time, naming
from lpel_serving.service.http.routes.methods import chosen_method
from lpel_serving.service.http.routes.pair import decide, provenance, read_faces
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.networks import PORTION
from lpel_serving.service.ticket import Ticket
from lpel_serving.support.progress import Advance, Progress, silent
from lpel_serving.verification.plausibility import doubt_of


def routes(desk: Desk, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def assess(request: Request) -> Response:
        kind = accepted(request, JSON, LINES)
        ticket: Ticket = request.state.ticket
        asked = await read_pair(request, AssessFields, desk, settings.limits)
        name, method = chosen_method(asked.fields, desk)
        faces = await read_faces(asked, desk, ticket)
        plan = await desk.aside(lambda: _plan(faces, name, asked.fields, desk), ticket)
        await _check_time(plan, name, desk, settings, ticket)

        def work(networks: Networks, progress: Progress) -> dict[str, Any]:
            return _assess(faces, name, method, networks, asked.fields, desk, plan, progress)

        if kind == LINES:
            return await in_lines(request, work, desk)
        return json_response(
            await desk.run(lambda networks: work(networks, silent), ticket, slow=True)
        )

    return [Route("/v1/assess", assess, methods=["POST"])]


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is going to be measured, and how many images it embeds: for the map, for the curves."""

    pair: FacePair
    similarity: float
    question: Question
    settings: CurveSettings
    map_images: int
    curve_images: int


def _plan(faces: tuple[Face, Face], name: str, fields: AssessFields, desk: Desk) -> _Plan:
    """Plan it; refuse what cannot be measured of this pair before anything is embedded."""
    reference, test = faces
    similarity, similar = decide(faces, desk)
    check_decision(name, DECISIONS[similar], desk)
    pair = FacePair(reference.crop, test.crop, reference.embedding, test.embedding, similar)
    question = (
        question_for(similar=similar) if fields.curve is None else find_question(fields.curve)
    )
    side = desk.manifest.decoder.image_size
    settings = settings_for(question.kind, side, every=fields.every, draws=fields.draws)
    one_way = desk.methods[name].images[DECISIONS[similar]] // 2
    with nullcontext() if fields.curve is None else concerning("curve"):
        curves = images_of(pair, question, settings, fields.seed)
    return _Plan(pair, similarity, question, settings, one_way, curves)


async def _check_time(
    plan: _Plan, name: str, desk: Desk, settings: Settings, ticket: Ticket
) -> None:
    by_method = plan.map_images > plan.curve_images
    await check_time(
        plan.map_images + plan.curve_images,
        desk,
        settings.limits,
        ticket,
        what=f"the curve of the method {name}",
        about="method" if by_method else "draws",
        instead=f"Choose another method, such as {desk.explainer.default_name}, fewer `draws` or a "
        f"larger `every`, or measure it without a server: `lpel assess ... --method {name}`",
    )


def _assess(
    faces: tuple[Face, Face],
    name: str,
    method: Method,
    networks: Networks,
    fields: AssessFields,
    desk: Desk,
    plan: _Plan,
    progress: Progress,
) -> dict[str, Any]:
    reference, test = faces
    found = _measured(name, method, networks, fields, plan, progress)
    check = desk.explainer.pair_plausibility(reference.embedding, test.embedding)
    doubt = doubt_of(check)
    return {
        "curve": fields.curve or DECISIONS[plan.pair.similar],
        "title": plan.question.title,
        "decision": DECISIONS[plan.pair.similar],
        "similarity": plan.similarity,
        "method": {**method_record(name, method), "seed": fields.seed},
        **_numbers(found),
        "words": found.words,
        "caveats": (*([] if doubt is None else [on_plausibility(doubt)]), *found.caveats),
        "plausibility": plausibility_numbers(check),
        "faces": faces_record((reference.found, test.found)),
        **provenance(desk, fields.crop),
    }


def _measured(
    name: str,
    method: Method,
    networks: Networks,
    fields: AssessFields,
    plan: _Plan,
    progress: Progress,
) -> Receipt:
    """Make the map, then measure its curve: one progress of both."""
    total = plan.map_images + plan.curve_images
    with progress("curves of this pair", total) as advance:

        def part(what: str, count: int) -> AbstractContextManager[Advance]:
            del what, count
            return nullcontext(advance)

        decision = DECISIONS[plan.pair.similar]
        needed = {decision: plan.map_images}
        with naming(name), counted(method, needed, part, portion=PORTION) as one:
            rng = np.random.default_rng(fields.seed)
            values = checked_map(one, plan.pair, networks, rng, name)
        found = receipt(
            networks,
            plan.pair,
            values,
            plan.question,
            plan.settings,
            fields.seed,
            control=is_control(method),
            progress=part,
        )
        advance(total)  # where orders have images in common there are a few less than planned
    return found


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
