"""Reports what a command skips."""

import sys
from collections.abc import Iterable
from typing import Any

from lpel_serving.images.datasets.passed_over import PassedOver, count_passed_over, in_words


def report(passed: Iterable[PassedOver], *, names: bool, header: str | None = None) -> None:
    """Report on standard error what is skipped; by name only on request."""
    passed = tuple(passed)
    if header is not None:
        sys.stderr.write(f"lpel: the first line of the list, {header!r}, is taken as its header.\n")
    if passed:
        hint = "" if names else " (--list-passed-over names them)"
        sys.stderr.write(f"lpel: skipped: {in_words(passed)}{hint}.\n")
    if names:
        _name(passed)


def in_json(
    passed: Iterable[PassedOver], *, names: bool, header: str | None = None
) -> dict[str, Any]:
    """What is skipped, for a JSON document."""
    passed = tuple(passed)
    said: dict[str, Any] = {} if header is None else {"header": header}
    said["passed_over"] = count_passed_over(passed)
    if names:
        said["names_passed_over"] = [{"name": one.name, "why": one.why} for one in passed]
    return said


def _name(passed: Iterable[PassedOver]) -> None:
    for one in passed:
        sys.stderr.write(f"lpel: {one.why}: {one.message or one.name}\n")
