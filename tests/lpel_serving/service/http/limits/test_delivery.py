"""Long answers leave the application before their client takes them, also those in lines."""

import asyncio

from starlette.responses import Response, StreamingResponse

from lpel_serving.service.http.limits.delivery import PART_BYTES, Delivery
from lpel_serving.service.http.limits.untaken import Untaken

LINE = b"x" * (3 * PART_BYTES + 1)


async def in_lines():
    yield b"short\n"
    yield LINE


def delivered(answer, state):
    """What is sent of an answer, and what of it while the application was still at work."""
    untaken = Untaken(2**30)
    sent, during, counted = [], [], []
    inside = True

    async def app(scope, receive, send):
        nonlocal inside
        await answer(scope, receive, send)
        inside = False

    async def send(message):
        sent.append(message)
        counted.append(untaken.bytes)
        if inside:
            during.append(message)

    async def receive():
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "POST", "state": state, "asgi": {"spec_version": "2.3"}}
    asyncio.run(Delivery(app, untaken, lambda: None)(scope, receive, send))
    assert untaken.bytes == 0
    return sent, during, max(counted)


def body_of(messages):
    return b"".join(message.get("body", b"") for message in messages)


def test_a_long_line_for_one_request_is_counted_and_sent_after_all_work_for_it():
    sent, during, counted = delivered(StreamingResponse(in_lines()), {"token": object()})
    assert body_of(during) == b"short\n"
    assert body_of(sent) == b"short\n" + LINE
    assert [message.get("more_body") for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    assert counted == len(LINE)


def test_a_long_answer_is_counted_if_it_was_made_for_one_request_alone():
    for state, expected in (({"token": object()}, len(LINE)), ({}, 0)):
        sent, during, counted = delivered(Response(LINE), state)
        assert body_of(during) == b""
        assert body_of(sent) == LINE
        assert counted == expected


def test_what_is_the_same_for_all_and_sent_in_parts_is_not_kept_back():
    sent, during, _ = delivered(StreamingResponse(in_lines()), {})
    assert during == sent
