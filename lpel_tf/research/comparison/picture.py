"""The figure of a comparison: faithfulness of each method against its cost."""

import re
from typing import Any

from lpel_serving.report.figures.canvas import INK, QUIET, new_figure, png
from lpel_tf.research.comparison.asked import SUBJECTS
from lpel_tf.research.comparison.of_templates import OF_TEMPLATES
from lpel_tf.research.comparison.summary import another_of, mean_of

PANELS = ("similar, noise", "dissimilar, noise in both")
FAMILIES = {
    "coalitions": ("coalitions measured", "#4477aa"),
    "responses corrected": ("responses, then coalitions", "#ee6677"),
    "CorrRISE": ("CorrRISE", "#228833"),
}
LINES = {
    "random": (0.25, "bottom"),
    "centre": (0.55, "top"),
    mean_of("responses"): (0.25, "bottom"),
    mean_of("surrogate-order"): (0.55, "bottom"),
}
"""Controls that are dotted lines: where along the line its name stands, and on which side of it."""
LEFT_OUT = (
    *("reverse", "shifted", "another pair", "constant relevance"),
    *(another_of(name) for name in SUBJECTS),
    *(mean_of(name) for name in SUBJECTS if mean_of(name) not in LINES),
)
_APART = 0.03
"""Share of a panel's height that labels at the same cost keep from each other."""


def draw(results: dict[str, Any]) -> bytes:
    """One panel for each kind of pair: area against embeddings, the better the higher."""
    figure = new_figure(11.0, 5.2)
    for axis, question in zip(figure.subplots(1, 2), PANELS, strict=True):
        similar = question.startswith("similar")
        _panel(axis, results[question], _costs(results, similar), question)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.9, bottom=0.12, wspace=0.2)
    return png(figure)


def _costs(results: dict[str, Any], similar: bool) -> dict[str, float]:
    """Passes for one map, the embeddings of the pair itself included."""
    costs = {name: 2 + float(n) for name, n in results["embeddings"].items()}
    for name in costs:
        # Why two are dissimilar is measured in both images.
        if match := re.fullmatch(r"(?:coalitions|responses corrected) (\d+)", name):
            costs[name] = 2 + int(match[1]) * (1 if similar else 2)
    return costs | {"occlusion": 66.0}


def _panel(axis: Any, measured: dict[str, Any], costs: dict[str, float], title: str) -> None:
    methods = {
        name: one["mean"]
        for name, one in measured["methods"].items()
        if name not in LEFT_OUT and not name.endswith(OF_TEMPLATES)
    }
    _lines(axis, {name: methods[name]["mean"] for name in LINES if name in methods})
    for family, (label, colour) in FAMILIES.items():
        names = [n for n in methods if re.fullmatch(rf"{family} \d+", n)]
        points = sorted((costs[name], methods[name]) for name in names)
        if points:
            _points(axis, points, colour, "o-", label)
    alone = {
        name: (costs[name], mean)
        for name, mean in methods.items()
        if not re.match(rf"(?:{'|'.join(FAMILIES)}) \d+", name) and name not in LINES
    }
    for name, point in alone.items():
        best = name in SUBJECTS
        _points(axis, [point], "#aa3377" if best else INK, "*" if best else "s")
    _names(axis, {name: (cost, mean["mean"]) for name, (cost, mean) in alone.items()})
    axis.set_xscale("log")
    axis.set_xlabel("passes through the network for one map, forwards or back", fontsize=9)
    lower = measured["lower is better"]
    axis.set_ylabel(
        f"area under the curve ({'lower' if lower else 'higher'} is better)", fontsize=9
    )
    if lower:
        axis.invert_yaxis()
    axis.set_title(title, fontsize=10, color=INK)
    axis.legend(fontsize=8, frameon=False, loc=(0.42, 0.02))


def _lines(axis: Any, controls: dict[str, float]) -> None:
    """Dotted lines with their names, which keep clear of each other where lines lie close."""
    for name, mean in controls.items():
        place, side = LINES[name]
        axis.axhline(mean, color=QUIET, linestyle=":", linewidth=1)
        axis.annotate(
            name,
            (place, mean),
            xycoords=("axes fraction", "data"),
            ha="left",
            va=side,
            fontsize=8,
            color=QUIET,
        )


def _names(axis: Any, points: dict[str, tuple[float, float]]) -> None:
    """Label points; of those at one cost that lie close together, each above the one before."""
    low, high = axis.get_ylim()
    free: dict[float, float] = {}
    for name, (cost, value) in sorted(points.items(), key=lambda one: one[1][1]):
        place = max(value, free.get(cost, value))
        free[cost] = place + _APART * (high - low)
        axis.annotate(
            name, (cost, place), (6, 0), textcoords="offset points", va="center", fontsize=8
        )


def _points(axis: Any, points: list[Any], colour: str, style: str, label: str = "") -> None:
    x = [embedded for embedded, _ in points]
    y = [one["mean"] for _, one in points]
    errors = [[one["mean"] - one["low"] for _, one in points]]
    errors.append([one["high"] - one["mean"] for _, one in points])
    axis.errorbar(
        x, y, errors, fmt=style, color=colour, label=label or None, markersize=5, elinewidth=0.8
    )
