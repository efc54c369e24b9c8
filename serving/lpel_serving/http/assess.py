"""`POST /v1/assess`: the faithfulness receipt of one explanation, with its progress if asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from lpel_serving.fill import Fill
from lpel_serving.http.answers import JSON, LINES, accepted, json_bytes, json_response
from lpel_serving.http.explain import method_record
from lpel_serving.http.methods import chosen_method
from lpel_serving.http.pair import provenance, read_faces
from lpel_serving.http.problems import problem_of
from lpel_serving.http.requests import AssessFields, read_pair
from lpel_serving.http.settings import Settings
from lpel_serving.laboratory.curve_settings import CurveSettings
from lpel_serving.laboratory.receipt import Receipt, question_for, receipt
from lpel_serving.laboratory.study import find_question
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.progress import Advance, Progress, silent
from lpel_serving.record import DECISIONS
from lpel_serving.service.cache import Face
from lpel_serving.service.desk import Desk
from lpel_serving.service.ticket import Ticket
from lpel_serving.similarity import cosine_similarity, is_similar

SCALES = {
    "share": "share of the first similarity",
    "rise": "similarity: 0 at first, 1 the same",
    "movement": "how far the similarity moves",
}
_SUPERPIXELS = 8
"""Along one side, as in the thesis."""

Work = Callable[[Networks, Progress], dict[str, Any]]


def routes(desk: Desk, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def assess(request: Request) -> Response:
        kind = accepted(request.headers.get("accept", "*/*"), (JSON, LINES))
        ticket: Ticket = request.state.ticket
        asked = await read_pair(request, AssessFields, desk, settings.limits)
        name, method = chosen_method(asked.fields, desk.explainer)
        faces = await read_faces(asked, desk, ticket)

        def work(networks: Networks, progress: Progress) -> dict[str, Any]:
            return _assess(faces, name, method, networks, asked.fields, desk, progress)

        if kind == LINES:
            return StreamingResponse(_lines(work, desk, ticket), media_type=LINES)
        return json_response(
            await desk.run(lambda networks: work(networks, silent), ticket, slow=True)
        )

    return [Route("/v1/assess", assess, methods=["POST"])]


async def _lines(work: Work, desk: Desk, ticket: Ticket) -> AsyncIterator[bytes]:
    """Tell of the progress line by line, and at last of the result, or of what went wrong."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def tell(line: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def progress(what: str, total: int) -> AbstractContextManager[Advance]:
        del what
        return _counted(total, lambda done: tell({"progress": {"done": done, "total": total}}))

    async def run() -> None:
        try:
            result = await desk.run(lambda networks: work(networks, progress), ticket, slow=True)
            tell({"result": result})
        except Exception as error:  # noqa: BLE001 - the answer has begun: its last line must tell
            tell({"problem": problem_of(error, ticket).document()})
        finally:
            tell(None)

    running = asyncio.ensure_future(run())
    try:
        while (line := await lines.get()) is not None:
            yield json_bytes(line) + b"\n"
    finally:
        ticket.withdraw("gone")
        running.cancel()


@contextlib.contextmanager
def _counted(total: int, tell: Callable[[int], None]) -> Generator[Advance]:
    done = 0
    tell(0)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        tell(min(done, total))

    yield advance


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
    settings = CurveSettings(
        question.kind,
        superpixel=_superpixel(side),
        image_size=side,
        every=fields.every,
        fill=Fill(grain=side),
        draws=fields.draws,
    )
    found = receipt(networks, pair, values, question, settings, fields.seed, progress=progress)
    return {
        "curve": fields.curve or DECISIONS[similar],
        "title": question.title,
        "decision": DECISIONS[similar],
        "similarity": similarity,
        "method": {**method_record(name, method), "seed": fields.seed},
        **_numbers(found),
        "words": found.words,
        "caveats": found.caveats,
        **provenance(desk, fields.crop),
    }


def _superpixel(side: int) -> int:
    """The side of a superpixel that tiles the decoder's images into about as many as usual."""
    tiling = [size for size in range(1, side) if side % size == 0]
    return min(tiling, key=lambda size: abs(side / size - _SUPERPIXELS), default=1)


def _numbers(found: Receipt) -> dict[str, Any]:
    return {
        "scale": SCALES[found.scale],
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
