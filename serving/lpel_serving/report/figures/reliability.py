"""Reliability diagram: how often pairs of a given predicted probability show the same person."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.subject import FACES, Subject
from lpel_serving.report.figures.canvas import FAINT, INK, QUIET, SUBJECT, new_figure, quiet
from lpel_serving.verification.reliability import Bin, Reliability

_TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
_NEAREST = 0.00004
"""Probabilities nearer to 0 or 1 are drawn here: log odds are infinite there."""


def reliability_figure(reliability: Reliability, title: str = "", subject: Subject = FACES) -> Any:
    """Draw the observed share of pairs of one person over the predicted probability.

    Both scales are in log odds, which separates 0.001 from 0.01. Below, the number of pairs of each
    point.

    Parameters
    ----------
    reliability
        To be drawn.
    title
        Above everything.
    subject
        What the pairs show.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = new_figure(6.0, 7.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    _draw_shares(above, reliability.bins, subject.same)
    _draw_counts(below, reliability.bins, subject.same)
    ends = _place([0, 1])
    ticks, names = _place(_TICKS), [f"{100 * tick:g} %" for tick in _TICKS]
    above.set_yticks(ticks, names)
    above.set_ylim(*ends)
    below.set_xticks(ticks, names)
    below.set_xlim(*ends)
    for axis in (above, below):
        axis.grid(color=FAINT, linewidth=0.5)
        axis.set_axisbelow(True)
        quiet(axis)
    above.set_title(_scores(reliability), fontsize=8, color=QUIET)
    figure.suptitle(title, fontsize=10, color=INK, parse_math=False)
    figure.subplots_adjust(left=0.15, right=0.96, top=0.91, bottom=0.08, hspace=0.08)
    return figure


def _draw_shares(axis: Any, bins: Sequence[Bin], same: str) -> None:
    x, y, low, high = (
        _place([getattr(one, name) for one in bins])
        for name in ("foretold", "observed", "low", "high")
    )
    axis.axline((0, 0), slope=1, color=QUIET, linewidth=0.8, linestyle="--", label="as predicted")
    axis.vlines(x, low, high, color=SUBJECT, linewidth=1.2)
    inside = [0 < one.observed < 1 for one in bins]
    faces = [SUBJECT if within else "white" for within in inside]
    axis.scatter(x, y, s=36, c=faces, edgecolors=SUBJECT, clip_on=False, zorder=3)
    axis.set_ylabel(f"share of {same}, with its 95 % interval", fontsize=8, color=QUIET)
    if not all(inside):
        axis.plot([], [], "o", color=SUBJECT, markerfacecolor="white", label="none of them, or all")
    axis.legend(fontsize=7.5, frameon=False, labelcolor=INK, loc="lower right")


def _draw_counts(axis: Any, bins: Sequence[Bin], same: str) -> None:
    x, counts = _place([one.foretold for one in bins]), [one.pairs for one in bins]
    axis.vlines(x, 0.5, counts, color=QUIET, linewidth=5)
    for place, count in zip(x, counts, strict=True):
        axis.annotate(
            f"{count:,}", (place, count), (0, 2), textcoords="offset points", fontsize=7,
            color=INK, ha="center",
        )  # fmt: skip
    axis.set_yscale("log")
    axis.set_ylim(0.5, 6 * max(counts))
    axis.set_yticks([])
    axis.set_yticks([], minor=True)
    axis.set_ylabel("pairs", fontsize=8, color=QUIET)
    axis.set_xlabel(f"predicted probability of {same}, held out", fontsize=8, color=QUIET)


def _place(shares: Sequence[float]) -> NDArray[np.float64]:
    inside = np.clip(np.array(shares, np.float64), _NEAREST, 1 - _NEAREST)
    return np.log(inside / (1 - inside))


def _scores(reliability: Reliability) -> str:
    return (
        f"calibration error {reliability.calibration_error:.4f}, "
        f"Brier score {reliability.brier_score:.4f}, log loss {reliability.log_loss:.4f}"
    )
