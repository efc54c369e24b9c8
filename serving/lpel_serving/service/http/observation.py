"""Metrics and logs, without personal data."""

import json
import logging
import secrets
import sys
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, TextIO

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.limits.admission import Gate
from lpel_serving.service.http.limits.untaken import Untaken
from lpel_serving.service.http.limits.uploads import Uploads
from lpel_serving.service.http.messages.problems import failure

LOGGER = logging.getLogger("lpel_serving.service.http")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT")
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class _Inside(Collector):
    """Reads counters when metrics are requested, so that what counts need not know of metrics."""

    def __init__(
        self, service: ExplanationService, gate: Gate, uploads: Uploads, untaken: Untaken
    ) -> None:
        self._service, self._gate = service, gate
        self._uploads, self._untaken = uploads, untaken

    def collect(self) -> Iterable[Metric]:
        """Return the current values."""
        done = self._service.counters
        gauges = (
            ("lpel_requests_inside", "Requests that are worked on or wait.", self._gate.inside),
            ("lpel_uploads_under_way", "Uploads in progress.", self._uploads.under_way),
            ("lpel_uploads_bytes", "Bytes that uploads in progress hold.", self._uploads.received),
            ("lpel_crops_waiting", "Crops that wait to be embedded.", self._service.waiting),
            ("lpel_inferences_running", "Inferences that are under way.", self._service.running),
            ("lpel_untaken_bytes", "Of answers that wait to be taken.", self._untaken.bytes),
        )
        for name, meaning, value in gauges:
            yield GaugeMetricFamily(name, meaning, value)
        counters = (
            ("lpel_requests_refused", "Requests rejected for lack of room.", self._gate.refused),
            ("lpel_crops_embedded", "Crops that went through the embedder.", done.embedded),
            ("lpel_faces_cached", "Pictures served from the cache.", done.cached),
            (
                "lpel_readers_hung_up",
                "Connections given up because their answers were not taken.",
                self._untaken.hung_up,
            ),
        )
        for name, meaning, value in counters:
            yield CounterMetricFamily(name, meaning, value)
        batches = CounterMetricFamily(
            "lpel_batches", "Inferences of the embedder.", labels=["crops"]
        )
        for length, count in sorted(done.batches.items()):
            batches.add_metric([str(length)], count)
        yield batches
        yield self._dropped()

    def _dropped(self) -> Metric:
        dropped = CounterMetricFamily(
            "lpel_uploads_dropped", "Bodies that were not waited for to the end.", labels=["why"]
        )
        for why, count in sorted(self._uploads.dropped.items()):
            dropped.add_metric([why], count)
        return dropped


class Metrics:
    """The metrics of one service, in Prometheus' format."""

    def __init__(
        self, service: ExplanationService, gate: Gate, uploads: Uploads, untaken: Untaken
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Inside(service, gate, uploads, untaken))
        self._requests = Counter(
            "lpel_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "lpel_request_seconds",
            "From a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    async def page(self, request: Request) -> Response:
        """Answer `GET /metrics`."""
        del request
        return Response(generate_latest(self.registry), media_type=_EXPOSITION)


class Observation:
    """Middleware: counts and logs every request by its route, never by its path or its client."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        identity = state["request_id"] = secrets.token_hex(8)
        begun = time.monotonic()
        status = 499  # unless a response begins

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", identity.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        finally:
            seconds = time.monotonic() - begun
            route = _route(scope)
            self._metrics.count(route, status, seconds)
            log(
                "request",
                request_id=identity,
                method=scope["method"] if scope["method"] in _METHODS else "?",
                route=route,
                status=status,
                milliseconds=round(1000 * seconds, 1),
                **state.get("failure", {}),
            )


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields."""
    LOGGER.log(level, event, extra={"fields": fields})


def _route(scope: Scope) -> str:
    """The pattern of a path's route, also if its method is wrong: paths may hold anything."""
    route = scope.get("route") or next(
        (one for one in scope["app"].routes if one.matches(scope)[0] is not Match.NONE), None
    )
    return str(getattr(route, "path", "other"))


_WORDS = {"py.warnings": "a library warned", "asyncio": "the event loop complained"}
"""Replaces messages of asyncio, which may contain data or paths."""
_OURS = (LOGGER.name, "uvicorn.error")
"""Loggers whose messages hold no personal data."""


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON; exceptions by type and location only."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            **_event(record),
            **getattr(record, "fields", {}),
        }
        if record.exc_info is not None and record.exc_info[1] is not None:
            line |= failure(record.exc_info[1])
        return json.dumps(line)


def _event(record: logging.LogRecord) -> dict[str, str]:
    if record.name in _OURS:
        return {"event": record.getMessage()}
    if record.name in _WORDS:
        return {"event": _WORDS[record.name]}
    return {"event": "a library logged", "library": record.name.split(".", maxsplit=1)[0]}


@contextmanager
def logging_as_json(stream: TextIO) -> Generator[None]:
    """Write all logs as lines of JSON: the service's, its server's and those of libraries.

    So are warnings, and errors that end a thread or that Python cannot raise.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    own = [logging.getLogger(name) for name in (*_OURS, *_WORDS)]
    for logger in own:
        logger.setLevel(logging.INFO)
        logger.propagate = False
    for logger in (logging.getLogger(), *own):
        logger.addHandler(handler)
    logging.captureWarnings(True)
    threading.excepthook = lambda args: _log_error("a thread ended in an error", args.exc_value)
    sys.unraisablehook = lambda args: _log_error("an error could not be raised", args.exc_value)
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = threading.__excepthook__, sys.__unraisablehook__
        logging.captureWarnings(False)
        for logger in (logging.getLogger(), *own):
            logger.removeHandler(handler)


def _log_error(event: str, error: BaseException | None) -> None:
    LOGGER.error(event, exc_info=error)
