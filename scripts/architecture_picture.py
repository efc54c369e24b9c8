"""Draw docs/architecture.png: rooms in their layers, arrows from the imports that there are.

Run it after rooms were moved: .venv/bin/python scripts/architecture_picture.py
"""

import ast
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import grimp
import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).parent.parent
PACKAGES = {"lpel_tf": "", "lpel_export": "export/", "lpel_serving": "serving/"}
COLOURS = {"lpel_tf": "#f3e3d3", "lpel_export": "#e6ecd8", "lpel_serving": "#dbe6f1"}
WIDTH, HEIGHT, GAP, COLUMN = 3.6, 0.78, 0.34, 5.0


def layers(package: str) -> list[list[str]]:
    """The rooms of a package from the top to the bottom, as import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for contract in contracts["contracts"]:
        if contract.get("containers") == [package]:
            return [line.split(" | ") for line in contract["layers"]]
    raise LookupError(f"no layers of {package} are in pyproject.toml")


def first_line(package: str, room: str) -> str:
    """What a room says of itself."""
    source = ROOT / PACKAGES[package] / package / room / "__init__.py"
    return (ast.get_docstring(ast.parse(source.read_text())) or "").partition("\n")[0]


def arrows(graph: grimp.ImportGraph, package: str, rooms: list[str]) -> list[tuple[str, str]]:
    """Direct imports between rooms, without those that a longer way stands for."""
    names = {room: f"{package}.{room}" for room in rooms}
    direct = {
        (one, other)
        for one in rooms
        for other in rooms
        if one != other
        and graph.find_shortest_chains(names[one], names[other], as_packages=True)
        and any(len(chain) == 2 for chain in _chains(graph, names[one], names[other]))
    }
    return sorted(
        (one, other)
        for one, other in direct
        if not any((one, via) in direct and (via, other) in direct for via in rooms)
    )


def _chains(graph: grimp.ImportGraph, one: str, other: str) -> set[tuple[str, ...]]:
    return graph.find_shortest_chains(one, other, as_packages=True)


def draw() -> Figure:
    """Draw the three packages beside each other."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    graph = grimp.build_graph(*PACKAGES)
    tallest = max(len(layers(package)) for package in PACKAGES)
    figure = Figure(figsize=(3 * COLUMN, tallest * (HEIGHT + GAP) + 1.1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 3 * COLUMN), ylim=(0, tallest * (HEIGHT + GAP) + 1.1))
    for column, package in enumerate(PACKAGES):
        _column(axes, graph, package, column * COLUMN + 0.5, tallest)
        if column:
            x = column * COLUMN
            y = tallest * (HEIGHT + GAP) + 0.5
            axes.add_patch(_arrow((x - 0.75, y), (x + 0.4, y), "#333333", 2.2, 0.0))
    return figure


def _column(axes: Any, graph: grimp.ImportGraph, package: str, x: float, tallest: int) -> None:
    top = tallest * (HEIGHT + GAP)
    axes.text(x + WIDTH / 2, top + 0.5, package, ha="center", va="center", size=17, weight="bold")
    places: dict[str, tuple[float, float, float]] = {}
    for row, rooms in enumerate(layers(package)):
        width = (WIDTH - 0.15 * (len(rooms) - 1)) / len(rooms)
        for index, room in enumerate(rooms):
            places[room] = (
                x + index * (width + 0.15),
                top - (row + 1) * (HEIGHT + GAP) + 0.3,
                width,
            )
    for one, other in arrows(graph, package, list(places)):
        _join(axes, places[one], places[other])
    for room, (left, low, width) in places.items():
        box = "round,pad=0,rounding_size=0.08"
        colour = COLOURS[package]
        axes.add_patch(
            FancyBboxPatch(
                (left, low), width, HEIGHT, box, fc=colour, ec="#5b6673", lw=0.9, zorder=3
            )
        )
        middle = left + width / 2
        axes.text(
            middle,
            low + HEIGHT - 0.17,
            room,
            ha="center",
            va="center",
            size=11.5,
            weight="bold",
            zorder=4,
        )
        words = textwrap.fill(
            first_line(package, room).rstrip(".").replace("`", ""), int(width * 14.2)
        )
        axes.text(middle, low + 0.27, words, ha="center", va="center", size=7.3, zorder=4)


def _join(axes: Any, one: tuple[float, float, float], other: tuple[float, float, float]) -> None:
    """An arrow down: straight to the next layer, in a bow around those between."""
    (x1, y1, w1), (x2, y2, w2) = one, other
    step = HEIGHT + GAP
    if abs(y1 - y2 - step) < 0.01:
        axes.add_patch(_arrow((x1 + w1 / 2, y1), (x2 + w2 / 2, y2 + HEIGHT), "#5b6673", 1.3, 0.0))
    else:
        left = x1 + w1 < x2 + w2 - 0.01  # a room that has a neighbour on its right
        bow = 0.18 + 0.02 * (y1 - y2)
        start = (x1 if left else x1 + w1, y1 + 0.2)
        end = (x2 if left else x2 + w2, y2 + HEIGHT - 0.2)
        axes.add_patch(_arrow(start, end, "#9aa5b1", 1.1, bow if left else -bow))


def _arrow(
    start: tuple[float, float], end: tuple[float, float], colour: str, width: float, bow: float
) -> FancyArrowPatch:
    return FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=13,
        color=colour,
        lw=width,
        connectionstyle=f"arc3,rad={bow}",
        shrinkA=0,
        shrinkB=0,
        zorder=2,
    )


if __name__ == "__main__":
    draw().savefig(ROOT / "docs" / "architecture.png", dpi=110)
