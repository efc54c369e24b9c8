"""The results of a comparison as tables, in Markdown."""

import re
from collections.abc import Iterable
from typing import Any

from lpel_tf.research.comparison.curves import CURVES as ALL_CURVES

SIGNS = {"random": "r", "centre": "c", "its mean map": "m"}
CURVES = tuple(curve.name for curve in ALL_CURVES)


def markdown(results: dict[str, Any]) -> str:
    """Two tables: the curves, and all the rest."""
    first = results["similar, noise"]["methods"]
    names = sorted(first, key=lambda name: first[name]["mean"]["mean"])
    cost = {name: f"{2 + n:.0f}" for name, n in results["embeddings"].items()}
    for name in names:
        if match := re.fullmatch(r"(?:coalitions|hybrid) (\d+)", name):
            cost[name] = f"{2 + int(match[1])} or {2 + 2 * int(match[1])}"
    cost |= {"occlusion": "66 or 130", "its mean map": ""}
    curves = [
        [name, cost.get(name, ""), *(_cell(results[q]["methods"], name) for q in CURVES)]
        for name in names
    ]
    games = {
        title: measured
        for part in ("accuracy", "patches", "landmarks")
        for title, measured in results[part].items()
    }
    rows = [
        [title, *(_cell(measured, name) for name in _of_games(games))]
        for title, measured in games.items()
    ]
    return "\n\n".join(
        (
            _table(["method", "passes", *CURVES], curves),
            _table(["measure", *_of_games(games)], rows),
            _table(
                ["method", "images", "ms", "ratio to responses"],
                [
                    [
                        name,
                        f"{one['embeddings']:.0f}",
                        f"{one['ms']:.0f}",
                        f"{one['ratio to responses']:.1f}",
                    ]
                    for name, one in results["cost"].items()
                ],
            ),
        )
    )


def _of_games(games: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for measured in games.values() for name in measured))


def _cell(measured: dict[str, Any], name: str) -> str:
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


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
