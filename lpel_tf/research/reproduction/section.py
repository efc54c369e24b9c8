"""A section of the report: figures, tables, and findings about the thesis's claims."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from lpel_serving.faithfulness.deletion_curve import Interval
from lpel_serving.faithfulness.judgement import Outcome

Verdict = Literal["holds", "holds in part", "does not hold", "not decided", "not comparable"]


@dataclass(frozen=True)
class Finding:
    """A claim of the thesis and what was measured here.

    Attributes
    ----------
    claim
        What the thesis says; in brackets what it does not say, but must be true all the same.
    measured
        What was measured, with its numbers.
    verdict
        Whether the claim holds here.
    """

    claim: str
    measured: str
    verdict: Verdict


@dataclass(frozen=True)
class Table:
    """Numbers, ready to be read."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure as a PNG."""

    name: str
    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class Section:
    """The counterpart of one or more figures and tables.

    Attributes
    ----------
    key
        Names its files.
    title
        For a reader.
    counterpart
        Of what in the thesis, such as ``figures 5.12 and 5.13``; empty if of nothing.
    findings, tables, pictures
        What it shows.
    notes
        What a reader must know to read it.
    data
        The numbers behind it, as JSON-serialisable values.
    arrays
        Those that are too many for JSON.
    """

    key: str
    title: str
    counterpart: str
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


def above(interval: Interval, holds_at: float, fails_at: float) -> Verdict:
    """Judge a number that ought to be high by where its whole interval lies."""
    if interval.low >= holds_at:
        return "holds"
    return "does not hold" if interval.high <= fails_at else "holds in part"


def below(interval: Interval, holds_at: float, fails_at: float) -> Verdict:
    """Judge a number that ought to be low by where its whole interval lies."""
    if interval.high <= holds_at:
        return "holds"
    return "does not hold" if interval.low >= fails_at else "holds in part"


def by_outcomes(outcomes: Sequence[Outcome]) -> Verdict:
    """Judge that a method beats others: all of them, some and loses to none, some it loses to."""
    if all(one == "better" for one in outcomes):
        return "holds"
    if "worse" in outcomes:
        return "does not hold"
    return "holds in part" if "better" in outcomes else "not decided"


def between(interval: Interval, digits: int = 2) -> str:
    """Write an interval as ``0.98 [0.97, 0.99]``."""
    mean, low, high = (f"{v:.{digits}f}" for v in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"
