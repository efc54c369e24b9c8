"""`GET /livez` and `GET /readyz`: whether the service is alive, and whether it is ready."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


@dataclass
class Health:
    """The state of the service, which listens only once a first inference has been done.

    Attributes
    ----------
    draining
        Whether shutdown has begun.
    """

    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether it is ready for work."""
        return not self.draining

    def routes(self) -> list[BaseRoute]:
        """Make `/livez` and `/readyz`."""

        async def live(request: Request) -> Response:
            del request
            return PlainTextResponse("alive\n")

        async def ready(request: Request) -> Response:
            del request
            if self.ready:
                return PlainTextResponse("ready\n")
            return PlainTextResponse("stopping\n", 503)

        return [
            Route("/livez", live, methods=["GET"]),
            Route("/readyz", ready, methods=["GET"]),
        ]
