"""`POST /v1/verify`: whether the network calls two faces the same."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lpel_serving.report.document import decided_document
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import JSON, accepted, checked, json_response
from lpel_serving.service.http.messages.pairs import read_pair
from lpel_serving.service.http.routes.pair import decide, read_faces
from lpel_serving.service.http.schemas.answers import VerifyAnswer
from lpel_serving.service.http.schemas.requests import VerifyFields
from lpel_serving.service.http.settings import Settings


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the route."""

    async def verify(request: Request) -> Response:
        accepted(request, JSON)
        asked = await read_pair(request, VerifyFields, service, settings.limits)
        faces = await read_faces(asked, service, request.state.token)
        document = decided_document(decide(faces, asked, service))
        return json_response(checked(VerifyAnswer, document))

    return [Route("/v1/verify", verify, methods=["POST"])]
