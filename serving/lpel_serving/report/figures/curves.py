"""Figures of deletion curves and differences in area, after figures 5.12, 5.14 and 5.18."""

from collections.abc import Sequence
from typing import Any

from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.faithfulness.judgement import SCALE_TITLES, Comparison, Judgement, title_of
from lpel_serving.report.figures.canvas import FAINT, INK, OTHERS, QUIET, SUBJECT, new_figure, quiet

_COLOURS = {"better": "#2c8a4b", "worse": "#b3123f", "undecided": "#5f6068"}


def curve_figure(judgement: Judgement, title: str = "", only: Sequence[str] | None = None) -> Any:
    """Draw a method's mean curve among those of its controls, and the differences in area.

    On the left the curves, the random orderings as a band from the lowest to the highest of their
    mean curves; on the right the area under the method's curve less that of each control, with 95 %
    intervals over pairs.

    Parameters
    ----------
    judgement
        To be drawn.
    title
        Above everything.
    only
        Controls and rivals to draw; all of them when None.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = new_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    shown = [one for one in judgement.comparisons if only is None or one.against in only]
    _draw_curves(left, judgement, [one.against for one in shown])
    rows = [(title_of(one.against), one) for one in shown]
    draw_differences(right, rows, lower_is_better=judgement.lower_is_better)
    right.set_title(f"area of {judgement.method} less that of …", fontsize=9, color=INK)
    figure.suptitle(title or judgement.method, fontsize=11, color=INK, parse_math=False)
    figure.subplots_adjust(left=0.06, right=0.98, top=0.86, bottom=0.12, wspace=0.62)
    return figure


def draw_differences(
    axis: Any, rows: Sequence[tuple[str, Comparison]], *, lower_is_better: bool
) -> None:
    """Draw named comparisons, a row for each: the difference in area and its interval."""
    for row, (_, comparison) in enumerate(rows):
        interval, colour = comparison.difference, _COLOURS[comparison.outcome]
        axis.plot([interval.low, interval.high], [row, row], color=colour, linewidth=2)
        axis.plot([interval.mean], [row], "o", color=colour, markersize=5)
    axis.axvline(0, color=QUIET, linewidth=0.8)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    better, worse = ("left", "right") if lower_is_better else ("right", "left")
    axis.set_xlabel(f"{better} of 0 is better, {worse} is worse", fontsize=8, color=QUIET)
    axis.grid(axis="x", color=FAINT, linewidth=0.5)
    axis.set_axisbelow(True)
    quiet(axis)


def _draw_curves(axis: Any, judgement: Judgement, names: Sequence[str]) -> None:
    x = judgement.replaced
    axis.fill_between(x, *judgement.random_band, color=FAINT, linewidth=0)
    others = [name for name in names if name != RANDOM]
    for place, name in enumerate(others):
        axis.plot(
            x,
            judgement.curves[name],
            color=OTHERS[place % len(OTHERS)],
            linewidth=1.1,
            linestyle=("-", "--", ":")[place // len(OTHERS) % 3],
            label=title_of(name),
        )
    axis.plot(
        x, judgement.curves[RANDOM], color=QUIET, linewidth=1.4, label="a random order, with band"
    )
    axis.plot(
        x, judgement.curves[judgement.method], color=SUBJECT, linewidth=2.6, label=judgement.method
    )
    axis.set_xlabel("superpixels replaced", fontsize=8, color=QUIET)
    axis.set_ylabel(SCALE_TITLES[judgement.scale], fontsize=8, color=QUIET)
    axis.set_title(f"mean of {judgement.pairs} pairs", fontsize=9, color=INK)
    axis.legend(fontsize=7, frameon=False, labelcolor=INK)
    quiet(axis)
