"""`POST /v1/verify`: whether the network calls two faces the same."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.found import faces_record, in_words
from lpel_serving.report.verdict import compared
from lpel_serving.service.desk import Desk
from lpel_serving.service.http.messages.answers import JSON, accepted, json_response
from lpel_serving.service.http.messages.requests import VerifyFields, read_pair
from lpel_serving.service.http.routes.pair import (
    confidence_of,
    crop_name,
    decision_numbers,
    provenance,
    read_faces,
)
from lpel_serving.service.http.settings import Settings


def routes(desk: Desk, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def verify(request: Request) -> Response:
        accepted(request, JSON)
        asked = await read_pair(request, VerifyFields, desk, settings.limits)
        reference, test = await read_faces(asked, desk, request.state.ticket)
        found = reference.found, test.found
        similarity = float(cosine_similarity(reference.embedding, test.embedding))
        plausibility = desk.explainer.pair_plausibility(reference.embedding, test.embedding)
        verdict = compared(
            similarity,
            desk.manifest.threshold.value,
            crop=crop_name(desk, asked.fields.crop),
            own_crop=desk.manifest.crop,
            confidence=confidence_of(similarity, plausibility, desk),
            plausibility=plausibility,
        )
        return json_response(
            {
                **decision_numbers(similarity, plausibility, desk),
                "words": (*verdict.words, *in_words(found)),
                "caveats": verdict.caveats,
                "faces": faces_record(found),
                **provenance(desk, asked.fields.crop),
            }
        )

    return [Route("/v1/verify", verify, methods=["POST"])]
