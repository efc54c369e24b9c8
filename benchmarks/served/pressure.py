"""Overload: ten times as many clients as are admitted."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from served.clients import BROKEN, Answer, ask_at_once, ask_for
from served.processes import Server

TIMES = 10


def overload(
    service: Server, requests: Iterator[bytes], capacity: int, deadline: float, seconds: float
) -> dict[str, Any]:
    """Ask with ten times the clients that there is room for: all at once, then on and on."""
    clients = TIMES * capacity
    alone = asyncio.run(ask_for(seconds, service.port, capacity, requests))
    before = service.megabytes
    bursts = [
        answer
        for _ in range(5)
        for answer in asyncio.run(ask_at_once(service.port, list(islice(requests, clients))))
    ]
    # They ask again as `Retry-After` says: a second later at the soonest.
    load = asyncio.run(ask_for(seconds, service.port, clients, requests, pause=1.0))
    return {
        "capacity": capacity,
        "clients": clients,
        "deadline_s": deadline,
        "at_once": _summary(bursts),
        "on_and_on": {
            **_summary(load.answers),
            "rate_by_that_of_as_many_as_fit": load.rate / alone.rate,
            "p99_by_deadline": float(np.percentile(load.times(200), 99)) / deadline,
        },
        "megabytes": {"before": before, "after": service.megabytes},
    }


def _summary(answers: "list[Answer] | tuple[Answer, ...]") -> dict[str, Any]:
    statuses = Counter(answer.status for answer in answers)
    refused = [answer.seconds for answer in answers if answer.status == 503]
    return {
        "answers": len(answers),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "broken": statuses[BROKEN],
        "refused_p50_ms": float(np.percentile(refused, 50)) * 1000 if refused else None,
        "refused_p99_ms": float(np.percentile(refused, 99)) * 1000 if refused else None,
    }
