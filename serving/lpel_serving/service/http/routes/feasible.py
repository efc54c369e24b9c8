"""Whether a request is feasible: the method explains such a pair, and within the time limit."""

import contextlib
from collections.abc import Generator

from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.settings import Limits
from lpel_serving.support.errors import LpelError

CLEARLY = 1.5
"""Work that is estimated at more than this many times the time limit is not begun."""
_FRESH = 10.0
"""Seconds for which a measurement may serve to refuse something."""
_ROUNDS = 3


def finishes(images: int, service: ExplanationService, limits: Limits) -> bool:
    """Whether n images can be embedded within the time limit, as measured; True if not measured.

    Slightly longer work is still begun: see `can_finish`.
    """
    seconds = service.pace.seconds(images)
    return seconds is None or seconds <= limits.seconds


def can_finish(images: int, service: ExplanationService, limits: Limits) -> bool:
    """Whether embedding n images may be begun, with some tolerance; True if not measured."""
    seconds = service.pace.seconds(images)
    return seconds is None or seconds <= CLEARLY * limits.seconds


def check_decision(name: str, decision: str, service: ExplanationService) -> None:
    """Refuse a method that does not explain a decision.

    Raises
    ------
    Problem
        That names the method and the decision.
    """
    decisions = service.methods[name].decisions
    if decision not in decisions:
        raise Problem(
            422,
            f"the method {name} explains {' and '.join(decisions)} pairs alone, and this pair was "
            f"called {decision}: choose another method, such as {service.explainer.default_name}.",
            about="method",
        )


async def check_time(
    images: int,
    service: ExplanationService,
    limits: Limits,
    token: CancellationToken,
    *,
    what: str,
    about: str,
    instead: str,
) -> None:
    """Refuse what clearly cannot finish in time; set the token's advice for the rest.

    Only a fresh measurement refuses anything.

    Parameters
    ----------
    images
        Number of images to be embedded.
    service, limits, token
        Where, in which time, and for which request.
    what
        What embeds them, such as ``the method xface``.
    about
        The request's field that causes it.
    instead
        What to do instead, as a clause.

    Raises
    ------
    Problem
        422, since a retry would not help.
    """
    for _ in range(_ROUNDS):
        if can_finish(images, service, limits) or service.pace.age < _FRESH:
            break
        await service.measure_pace(token)
    seconds = service.pace.seconds(images)
    takes = f"{what} embeds {images:,} images for this pair"
    if seconds is not None:
        takes += f", which takes {in_words(seconds)} here at present"
    if can_finish(images, service, limits):
        token.advice = f"{takes}. {instead}, or ask again when less is under way."
        return
    allowed = f"{limits.seconds:g} s"
    raise Problem(
        422, f"{takes}, and a request may take {allowed}: it was not begun. {instead}.", about=about
    )


def in_words(seconds: float) -> str:
    """A duration in words: seconds up to two minutes, then minutes."""
    if seconds < 1:
        return "less than a second"
    if seconds < 120:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} minutes"


def instead_of(name: str, service: ExplanationService) -> str:
    """What to do where a method takes too long."""
    return (
        f"Choose another method, such as {service.explainer.default_name}, or run it without a "
        f"server: `lpel explain REFERENCE TEST --bundle BUNDLE --method {name}`, of many pairs "
        f"`lpel batch run ... --method {name}`"
    )


@contextlib.contextmanager
def naming(name: str) -> Generator[None]:
    """Name the method in errors that the input did not cause.

    Raises
    ------
    Problem
        500, from whatever the method raised.
    """
    try:
        yield
    except (LpelError, MemoryError):
        raise
    except Exception as error:
        raise Problem(
            500,
            f"the method {name} failed with {type(error).__name__}; the service's log says where. "
            "Choose another method.",
            about="method",
        ) from error
