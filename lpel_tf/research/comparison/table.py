"""The results of a comparison as tables, in Markdown."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lpel_tf.research.comparison.asked import SUBJECTS
from lpel_tf.research.comparison.curves import CURVES as ALL_CURVES
from lpel_tf.research.comparison.curves import SUBJECT
from lpel_tf.research.comparison.summary import (
    OWN_MEAN,
    OWN_OTHER,
    another_of,
    is_derived,
    mean_of,
)

COMMON = mean_of(SUBJECT)
SIGNS = {COMMON: "m", OWN_MEAN: "o", OWN_OTHER: "a", "random": "r", "centre": "c"}
"""The letters of the controls: the mean map first."""
CURVES = tuple(curve.name for curve in ALL_CURVES)
SHARES = ("similar", "dissimilar", *CURVES)
GAMES = ("accuracy", "patches", "landmarks", "occluders")


def markdown(results: dict[str, Any]) -> str:
    """Every table: curves, correlation, shares, all other measures, cost, a second set of people.

    Letters say which controls a method is above (+) or below (-), beyond chance; see `SIGNS`.
    """
    games = {title: one for part in GAMES for title, one in results.get(part, {}).items()}
    tables = [
        _by_curve(results, _passes(results)),
        _by_curve(results["correlation"]) if "correlation" in results else "",
        _shares(results.get("share", {})),
        _of_games(games),
        _cost(results.get("cost", {})),
    ]
    if second := results.get("second"):
        tables += [_by_curve(second), _by_curve(second["correlation"])]
    return "\n\n".join(one for one in tables if one)


def _by_curve(results: Mapping[str, Any], passes: Mapping[str, str] | None = None) -> str:
    """A row for each method, the mean maps first, then from the best; a column for each curve."""
    first = results[CURVES[0]]
    names = _sorted(first["methods"], lower_is_better=first["lower is better"])
    rows = [
        [
            name,
            *([] if passes is None else [passes.get(name, "")]),
            *(_cell(results[curve]["methods"], name) for curve in CURVES),
        ]
        for name in names
    ]
    return lay_out(["method", *([] if passes is None else ["passes"]), *CURVES], rows)


def _sorted(methods: Mapping[str, Any], *, lower_is_better: bool) -> list[str]:
    means = [mean_of(name) for name in SUBJECTS]
    sign = 1 if lower_is_better else -1

    def place(name: str) -> tuple[int, float]:
        first = means.index(name) if name in means else len(means)
        return first, sign * methods[name]["mean"]["mean"]

    return sorted(methods, key=place)


def _passes(results: Mapping[str, Any]) -> dict[str, str]:
    cost = {name: f"{2 + n:.0f}" for name, n in results["embeddings"].items()}
    for name in cost:
        if match := re.fullmatch(r"(?:coalitions|responses corrected) (\d+)", name):
            cost[name] = f"{2 + int(match[1])} or {2 + 2 * int(match[1])}"
    controls = {one: "" for name in SUBJECTS for one in (mean_of(name), another_of(name))}
    return cost | controls | {"occlusion": "66 or 130"}


def _shares(shares: Mapping[str, Mapping[str, Any]]) -> str:
    if not shares:
        return ""
    names = list(shares["similar"])
    shown = [name for name in names if not is_derived(name, names)]
    best = sorted(shown, key=lambda name: -(shares["similar"][name]["value"] or 0))
    rows = [[name, *(_share(shares[one].get(name)) for one in SHARES)] for name in best]
    return lay_out(["share of the pair's own", *SHARES], rows)


def _share(one: Mapping[str, float | None] | None) -> str:
    if one is None or one["value"] is None:
        return ""
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"


def _of_games(games: Mapping[str, Any]) -> str:
    if not games:
        return ""
    means = [mean_of(name) for name in SUBJECTS]
    names = dict.fromkeys(name for measured in games.values() for name in measured)
    ordered = sorted(names, key=lambda name: name not in means)
    rows = [[title, *(_cell(one, name) for name in ordered)] for title, one in games.items()]
    return lay_out(["measure", *ordered], rows)


def _cost(cost: Mapping[str, Any]) -> str:
    if not cost:
        return ""
    rows = [
        [
            name,
            f"{one['embeddings']:.0f}",
            f"{one['ms']:.0f}",
            f"{one['ratio to responses']:.1f}",
        ]
        for name, one in cost.items()
    ]
    return lay_out(["method", "images", "ms", "ratio to responses"], rows)


def _cell(measured: Mapping[str, Any], name: str) -> str:
    """The mean, with which controls its intervals leave behind (+) or fall behind (-)."""
    if name not in measured:
        return ""
    one = measured[name]
    marks = [_mark(one["less"].get(other), sign) for other, sign in SIGNS.items()]
    return " ".join([f"{one['mean']['mean']:.3f}", *filter(None, marks)])


def _mark(difference: dict[str, float] | None, sign: str) -> str:
    if difference is None or difference["low"] <= 0 <= difference["high"]:
        return ""
    return f"{'+' if difference['mean'] > 0 else '-'}{sign}"


def lay_out(head: list[str], rows: Iterable[list[str]]) -> str:
    """Lay out a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
