"""`POST /v1/verify`: whether the network calls two faces the same."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.found import faces_record, in_words
from lpel_serving.report.verdict import compared
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON, accepted, checked, json_response
from lpel_serving.service.http.messages.pairs import read_pair
from lpel_serving.service.http.routes.pair import (
    confidence_of,
    crop_name,
    decision_numbers,
    provenance,
    read_faces,
)
from lpel_serving.service.http.schemas.answers import VerifyAnswer
from lpel_serving.service.http.schemas.requests import VerifyFields
from lpel_serving.service.http.settings import Settings


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def verify(request: Request) -> Response:
        accepted(request, JSON)
        asked = await read_pair(request, VerifyFields, service, settings.limits)
        reference, test = await read_faces(asked, service, request.state.token)
        found = reference.found, test.found
        similarity = float(cosine_similarity(reference.embedding, test.embedding))
        plausibility = service.explainer.pair_plausibility(reference.embedding, test.embedding)
        verdict = compared(
            similarity,
            service.manifest.threshold.value,
            crop=crop_name(service, asked.crop),
            own_crop=service.manifest.crop,
            confidence=confidence_of(similarity, plausibility, service),
            plausibility=plausibility,
        )
        document = {
            **decision_numbers(similarity, plausibility, service),
            "words": (*verdict.words, *in_words(found)),
            "caveats": verdict.caveats,
            "faces": faces_record(found),
            **provenance(service, asked.crop),
        }
        return json_response(checked(VerifyAnswer, document))

    return [Route("/v1/verify", verify, methods=["POST"])]
