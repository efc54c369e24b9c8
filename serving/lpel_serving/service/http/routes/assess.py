"""`POST /v1/assess`: one explanation's faithfulness check, with progress on request."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.equations.decision import DECISIONS
from lpel_serving.faithfulness.curve_settings import CurveSettings, settings_for
from lpel_serving.faithfulness.judgement import SCALE_TITLES
from lpel_serving.faithfulness.pair_check import PairCheck, check_pair, images_of, question_for
from lpel_serving.faithfulness.study import Question, find_question
from lpel_serving.images.subject import FACES
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.counted import counted
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.method import FacePair, Method, is_control
from lpel_serving.methods.networks import Networks
from lpel_serving.methods.used import method_used
from lpel_serving.report.document import decided_document, method_record
from lpel_serving.report.verdict import on_plausibility
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.embedded_face import features_of
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON, LINES, accepted, checked, json_response
from lpel_serving.service.http.messages.lines import in_lines
from lpel_serving.service.http.messages.pairs import read_pair
from lpel_serving.service.http.messages.problems import concerning
from lpel_serving.service.http.routes.feasible import check_time, naming
from lpel_serving.service.http.routes.methods import chosen_method, images_for
from lpel_serving.service.http.routes.pair import decide, read_faces
from lpel_serving.service.http.schemas.answers import AssessAnswer
from lpel_serving.service.http.schemas.requests import AssessFields
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.networks import PORTION
from lpel_serving.support.progress import Advance, Progress, silent


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def assess(request: Request) -> Response:
        kind = accepted(request, JSON, LINES)
        token: CancellationToken = request.state.token
        asked = await read_pair(request, AssessFields, service, settings.limits)
        name, method = chosen_method(asked, service)
        faces = await read_faces(asked, service, token)
        pair, known = decide(faces, asked, service), features_of(faces)
        word, limits = pair.decision.word, settings.limits
        images = await images_for(name, method, asked, word, service, limits, token, one_way=True)
        plan = await service.run_in_thread(lambda: _plan(pair, images, asked, service), token)
        await _check_time(plan, name, service, settings, token)

        def work(networks: Networks, progress: Progress) -> dict[str, Any]:
            if known is not None:
                networks = knowing(networks, (pair.reference_crop, pair.test_crop), known)
            return _assess(pair, name, method, networks, asked, plan, progress)

        if kind == LINES:
            return await in_lines(request, work, service)
        return json_response(
            await service.run(lambda networks: work(networks, silent), token, slow=True)
        )

    return [Route("/v1/assess", assess, methods=["POST"])]


_OF_PAIR = frozenset(
    ("decision", "similarity", "plausibility", "faces", "crop", "embedder", "bundle", "models")
)
"""The keys of the pair's document that the answer holds."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """The planned measurement, and how many images it embeds: for the map, for the curves."""

    pair: FacePair
    question: Question
    settings: CurveSettings
    map_images: int
    curve_images: int


def _plan(
    decided: DecidedPair,
    images: int,
    fields: AssessFields,
    service: ExplanationService,
) -> _Plan:
    """Plan the measurement; refuse what is impossible for this pair before anything is embedded."""
    similar = decided.similar
    pair = FacePair(
        decided.reference_crop,
        decided.test_crop,
        decided.reference_embedding,
        decided.test_embedding,
        similar,
    )
    question = (
        question_for(similar=similar) if fields.curve is None else find_question(fields.curve)
    )
    shape = service.manifest.drawn
    settings = settings_for(question.kind, shape, every=fields.every, draws=fields.draws)
    with nullcontext() if fields.curve is None else concerning("curve"):
        curves = images_of(pair, service.explainer.comparison, question, settings, fields.seed)
    return _Plan(pair, question, settings, images, curves)


async def _check_time(
    plan: _Plan,
    name: str,
    service: ExplanationService,
    settings: Settings,
    token: CancellationToken,
) -> None:
    by_method = plan.map_images > plan.curve_images
    await check_time(
        plan.map_images + plan.curve_images,
        service,
        settings.limits,
        token,
        what=f"the curve of the method {name}",
        about="method" if by_method else "draws",
        instead=f"Choose another method, such as {service.explainer.default_name}, fewer `draws` "
        f"or a larger `every`, or measure it without a server: `lpel assess ... --method {name}`",
    )


def _assess(
    pair: DecidedPair,
    name: str,
    method: Method,
    networks: Networks,
    fields: AssessFields,
    plan: _Plan,
    progress: Progress,
) -> dict[str, Any]:
    found = _measured(name, method, networks, fields, plan, progress)
    doubt, used = pair.doubt, method_used(method)
    known = decided_document(pair)
    subject = FACES if pair.origin is None else pair.origin.subject
    document = {
        "curve": fields.curve or pair.decision.word,
        "title": plan.question.title,
        "method": {**method_record(used, control=is_control(method)), "seed": fields.seed},
        **_numbers(found),
        **{key: value for key, value in known.items() if key in _OF_PAIR},
        "words": found.words,
        "caveats": (*([] if doubt is None else [on_plausibility(doubt, subject)]), *found.caveats),
    }
    return checked(AssessAnswer, document)


def _measured(
    name: str,
    method: Method,
    networks: Networks,
    fields: AssessFields,
    plan: _Plan,
    progress: Progress,
) -> PairCheck:
    """Make the map, then measure its curve, with one progress for both."""
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
        found = check_pair(
            networks,
            plan.pair,
            values,
            plan.question,
            plan.settings,
            fields.seed,
            control=is_control(method),
            progress=part,
        )
        advance(total)  # orderings that share images need a few less than planned
    return found


def _numbers(found: PairCheck) -> dict[str, Any]:
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
