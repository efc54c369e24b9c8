"""The figure of a comparison: faithfulness of each method against its cost."""

import re
from typing import Any

from lpel_serving.report.figures.canvas import INK, QUIET, new_figure, png
from lpel_tf.research.comparison.asked import SUBJECTS
from lpel_tf.research.comparison.summary import another_of, mean_of

PANELS = ("similar, noise", "dissimilar, transplant")
FAMILIES = {
    "coalitions": ("coalitions measured", "#4477aa"),
    "responses corrected": ("responses, then coalitions", "#ee6677"),
    "CorrRISE": ("CorrRISE", "#228833"),
}
CONTROLS = ("random", "centre")
MEANS = tuple(mean_of(name) for name in SUBJECTS)
"""The mean of each subject's own maps: dotted lines too, labelled further to the right."""
LEFT_OUT = (
    *("reverse", "shifted", "another pair", "constant relevance"),
    *(another_of(name) for name in SUBJECTS),
)


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
    methods = {k: v["mean"] for k, v in measured["methods"].items() if k not in LEFT_OUT}
    _lines(axis, {name: methods[name]["mean"] for name in (*CONTROLS, *MEANS) if name in methods})
    for family, (label, colour) in FAMILIES.items():
        names = [n for n in methods if re.fullmatch(rf"{family} \d+", n)]
        points = sorted((costs[name], methods[name]) for name in names)
        if points:
            _points(axis, points, colour, "o-", label)
    for name, mean in methods.items():
        family = re.match(rf"(?:{'|'.join(FAMILIES)}) \d+", name)
        if not family and name not in (*CONTROLS, *MEANS):
            best = name in SUBJECTS
            _points(axis, [(costs[name], mean)], "#aa3377" if best else INK, "*" if best else "s")
            axis.annotate(
                name, (costs[name], mean["mean"]), (4, 4), textcoords="offset points", fontsize=8
            )
    axis.set_xscale("log")
    axis.set_xlabel("passes through the network for one map, forwards or back", fontsize=9)
    lower = measured["lower is better"]
    axis.set_ylabel(
        f"area under the curve ({'lower' if lower else 'higher'} is better)", fontsize=9
    )
    if lower:
        axis.invert_yaxis()
    axis.set_title(title, fontsize=10, color=INK)
    axis.legend(fontsize=8, frameon=False, loc="lower right")


def _lines(axis: Any, controls: dict[str, float]) -> None:
    """Dotted lines, the labels of the means, which lie close together, side by side."""
    for name, mean in controls.items():
        axis.axhline(mean, color=QUIET, linestyle=":", linewidth=1)
        axis.annotate(
            name,
            (0.16 + 0.2 * MEANS.index(name) if name in MEANS else 0.01, mean),
            xycoords=("axes fraction", "data"),
            ha="left",
            va="bottom",
            fontsize=8,
            color=QUIET,
        )


def _points(axis: Any, points: list[Any], colour: str, style: str, label: str = "") -> None:
    x = [embedded for embedded, _ in points]
    y = [one["mean"] for _, one in points]
    errors = [[one["mean"] - one["low"] for _, one in points]]
    errors.append([one["high"] - one["mean"] for _, one in points])
    axis.errorbar(
        x, y, errors, fmt=style, color=colour, label=label or None, markersize=5, elinewidth=0.8
    )
