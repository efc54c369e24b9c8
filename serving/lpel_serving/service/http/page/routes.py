"""The routes of the page: its files, sample pairs, the files needed to compute in the browser."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from html import escape
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from lpel_serving.bundle.manifest import EXPLAINER_FILE
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import ParameterError

RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The files of onnxruntime-web that the page needs."""

HTML, WORDS = "index.html", "subject.js"
"""The page itself, and the words in which its scripts speak of what is compared."""
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
_PNG = b"\x89PNG\r\n\x1a\n"

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(service: ExplanationService, settings: Settings) -> list[BaseRoute]:
    """Make the routes. All files but the explainer are read once, and kept in memory.

    Raises
    ------
    ParameterError
        If `settings.web_runtime` lacks a file of the runtime.
    """
    endpoints = dict(_page_files(service.manifest.subject))
    for place, sample in enumerate(settings.samples):
        for role, face in (("reference", sample.reference), ("test", sample.test)):
            endpoints[f"/samples/{place}-{role}"] = _from_memory(
                face.data, _picture_type(face.data)
            )
    if settings.web_runtime is not None:
        endpoints |= _runtime_files(settings.web_runtime)
    record = service.manifest.files.get(EXPLAINER_FILE)
    if record is not None:
        path = settings.bundle / EXPLAINER_FILE
        endpoints[f"/models/{EXPLAINER_FILE}"] = _from_disk(path, record.sha256)
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in endpoints.items()]


def _page_files(subject: Subject) -> Iterator[tuple[str, Endpoint]]:
    for file in files("lpel_serving.service.http.page").joinpath("static").iterdir():
        media_type = _TYPES.get(Path(file.name).suffix)
        if media_type is not None:
            path = "/" if file.name == HTML else f"/page/{file.name}"
            yield path, _from_memory(_told(file.name, file.read_bytes(), subject), media_type)


def _told(name: str, content: bytes, subject: Subject) -> bytes:
    """Put a file of the page, which is written about faces, into a subject's words."""
    if subject == FACES:
        return content
    if name == WORDS:
        words = {**subject.words, "thing": subject.thing, "ofFaces": subject.of_faces}
        return f"export const subject = {json.dumps(words)};\n".encode()
    if name == HTML:
        between_tags = re.compile(r">[^<]+<")
        told = between_tags.sub(lambda text: _escaped(text[0], subject), content.decode())
        return told.encode()
    return content


def _escaped(text: str, subject: Subject) -> str:
    """Retell a text of HTML; words of a bundle's own may hold what HTML reads as tags."""
    safe = replace(subject, **{name: escape(word) for name, word in subject.words.items()})
    return safe.retell(text)


def _runtime_files(folder: Path) -> dict[str, Endpoint]:
    try:
        contents = {name: (folder / name).read_bytes() for name in RUNTIME}
    except OSError as error:
        raise ParameterError(
            f"{error.filename} cannot be read ({error.strerror}): name the folder dist of the npm "
            f"package onnxruntime-web, with {', '.join(RUNTIME)}."
        ) from error
    return {
        f"/runtime/{name}": _from_memory(content, _TYPES[Path(name).suffix])
        for name, content in contents.items()
    }


def _from_memory(content: bytes, media_type: str) -> Endpoint:
    headers = _validators(hashlib.sha256(content).hexdigest())

    async def answer(request: Request) -> Response:
        if _has_it(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return answer


def _from_disk(path: Path, sha256: str) -> Endpoint:
    headers = _validators(sha256)
    seen = _state(path)

    async def answer(request: Request) -> Response:
        if _state(path) != seen:
            raise Problem(
                503, "the bundle was replaced while the server ran: its operator must restart it."
            )
        if _has_it(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return FileResponse(path, headers=headers, media_type="application/octet-stream")

    return answer


def _state(path: Path) -> tuple[int, int] | None:
    """The state of a file, to detect a change since its hash was checked; None if it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _validators(sha256: str) -> dict[str, str]:
    """Let browsers cache a file, and revalidate it every time."""
    return {"ETag": f'"{sha256}"', "Cache-Control": "no-cache"}


def _has_it(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    # A proxy that compresses makes a strong validator weak; the content is the same.
    return not {"*", etag}.isdisjoint(one.strip().removeprefix("W/") for one in known.split(","))


def _picture_type(data: bytes) -> str:
    return "image/png" if data.startswith(_PNG) else "image/jpeg"
