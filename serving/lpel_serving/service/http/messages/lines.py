"""Answers of long work in JSON lines: its progress, then its result."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lpel_serving.methods.networks import Networks
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.answers import LINES, json_bytes
from lpel_serving.service.http.messages.problems import cause_of, failure, problem_of
from lpel_serving.support.progress import Advance, Progress

Work = Callable[[Networks, Progress], dict[str, Any]]
_Line = dict[str, Any] | Exception | None


async def in_lines(
    request: Request, work: Work, service: ExplanationService, *, slow: bool = True
) -> Response:
    """Answer with lines of JSON, ``{"progress": …}`` and then ``{"result": …}``.

    An error before the first of them is raised, as if there were no lines; afterwards it is the
    last line, ``{"problem": …}``.

    Parameters
    ----------
    request
        Admitted, with a token.
    work
        The work.
    service
        Runs it.
    slow
        Whether it embeds further images.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[_Line] = asyncio.Queue()

    def send(line: _Line) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, line)

    def progress(what: str, total: int) -> AbstractContextManager[Advance]:
        del what
        return _counted(total, lambda done: send({"progress": {"done": done, "total": total}}))

    async def run() -> None:
        try:
            token = request.state.token
            result = await service.run(lambda networks: work(networks, progress), token, slow=slow)
            send({"result": result})
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the last line
            send(error)
        finally:
            send(None)

    running = asyncio.ensure_future(run())
    try:
        first = await lines.get()
    except asyncio.CancelledError:  # the client disconnected meanwhile
        running.cancel()
        raise
    if isinstance(first, Exception):
        raise first
    return StreamingResponse(_written(request, first, lines, running), media_type=LINES)


async def _written(
    request: Request, first: _Line, lines: "asyncio.Queue[_Line]", running: "asyncio.Task[None]"
) -> AsyncGenerator[bytes]:
    line = first
    try:
        while line is not None:
            if isinstance(line, Exception):
                line = {"problem": _problem(request, line)}
            yield json_bytes(line) + b"\n"
            line = await lines.get()
    finally:
        request.state.token.withdraw("gone")
        running.cancel()


def _problem(request: Request, error: Exception) -> dict[str, Any]:
    problem = problem_of(error, request.state.token)
    if problem.status == 500:
        request.state.failure = failure(cause_of(error))
    return problem.document()


@contextlib.contextmanager
def _counted(total: int, send: Callable[[int], None]) -> Generator[Advance]:
    done = 0
    send(0)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        send(min(done, total))

    yield advance
