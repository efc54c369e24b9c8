"""API key, allowed hosts and origins, and security headers."""

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.settings import Settings, is_loopback

GUARDED = ("/v1/", "/v2", "/models/", "/samples/", "/metrics")
"""Paths that need the API key, if there is one. The page itself holds no personal data."""

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "connect-src 'self'; style-src 'self'; img-src 'self' blob: data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ALLOWED_METHODS = ("GET", "POST")
_ALLOWED_HEADERS = (
    *("Accept", "Authorization", "Content-Encoding", "Content-Type"),
    *("Inference-Header-Content-Length", "X-API-Key"),
)
_EXPOSED_HEADERS = ("Inference-Header-Content-Length", "Retry-After", "X-Request-Id")


def middleware(settings: Settings) -> list[Middleware]:
    """List the middleware around the routes, the outermost first."""
    found = [Middleware(Guard, settings=settings)]
    if settings.origins:
        found.append(
            Middleware(
                Permissions,
                allow_origins=settings.origins,
                allow_methods=_ALLOWED_METHODS,
                allow_headers=_ALLOWED_HEADERS,
                expose_headers=_EXPOSED_HEADERS,
            )
        )
    if settings.api_key is not None:
        found.append(Middleware(Lock, api_key=settings.api_key))
    return found


class Guard:
    """Middleware: refuses foreign hosts and origins, and adds security headers for browsers.

    Starlette's `TrustedHostMiddleware` answers in plain text, 400 where RFC 9110 has 421; and its
    CORS middleware lets pages of other origins send requests, whose answers they cannot read.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._origins = frozenset(settings.origins)
        self._names = _names(settings) if is_loopback(settings.host) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        waits = headers.get("expect", "").lower() == "100-continue"

        async def receive_noticed() -> Message:
            nonlocal waits
            waits = False
            return await receive()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = MutableHeaders(scope=message)
                _add_headers(fields)
                if waits:  # what follows may be the rest of the body or the next request
                    fields["Connection"] = "close"
            await send(message)

        problem = self._refusal(headers)
        app = self.app if problem is None else problem.response(scope["path"])
        await app(scope, receive_noticed if waits else receive, send_guarded)

    def _refusal(self, headers: Headers) -> Problem | None:
        if "transfer-encoding" in headers and "content-length" in headers:
            # One of the two is wrong, and a proxy may have believed the other: what follows may be
            # another client's request.
            return Problem(
                400,
                "the body has two lengths, Content-Length and Transfer-Encoding: send one.",
                headers={"Connection": "close"},
            )
        if self._names is not None and _name_of(headers.get("host", "")) not in self._names:
            # A foreign page can make its own host name resolve to this machine and be admitted as
            # local (DNS rebinding); but it cannot choose the name that the browser sends.
            return Problem(
                421, f"this server answers to {', '.join(self._names)} alone: ask it by that name."
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, headers.get("host", "")):
            return Problem(
                403,
                "pages of other origins are not let in: name them with --origin to let them.",
            )
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin in {f"http://{host}", f"https://{host}"}


class Permissions(CORSMiddleware):
    """Middleware: CORS, for the pages of the origins in the settings."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer with what may be sent, in headers alone: the browser refuses the rest."""
        headers = super().preflight_response(request_headers).headers
        said = {name: value for name, value in headers.items() if not name.startswith("content-")}
        return Response(status_code=204, headers=said)


class Lock:
    """Middleware: requires the API key on all paths with users' data."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self.app
        if scope["type"] == "http" and scope["method"] != "OPTIONS" and not self._opens(scope):
            problem = Problem(
                401,
                "this server has an API key: send it as `Authorization: Bearer KEY` or as "
                "`X-API-Key: KEY`.",
                headers={"WWW-Authenticate": 'Bearer realm="lpel"'},
            )
            app = problem.response(scope["path"])
        await app(scope, receive, send)

    def _opens(self, scope: Scope) -> bool:
        if not scope["path"].startswith(GUARDED):
            return True
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = (bearer if scheme.lower() == "bearer" else "", headers.get("x-api-key", ""))
        # Both: a gateway may add a bearer token of its own beside our key.
        right = [hmac.compare_digest(one.strip().encode("latin-1"), self._key) for one in given]
        return any(right)


def _names(settings: Settings) -> tuple[str, ...]:
    own = f"[{settings.host}]" if ":" in settings.host else settings.host
    return tuple(dict.fromkeys([*LOCAL_NAMES, own]))


def _name_of(host: str) -> str:
    """A host without its port."""
    name, _, port = host.rpartition(":")
    return (name if name and port.isdecimal() else host).lower()


def _add_headers(headers: MutableHeaders) -> None:
    if "Access-Control-Allow-Origin" in headers:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
