"""`lpel methods`: lists the installed explanation methods and their descriptions."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import JsonOption, print_json, say

if TYPE_CHECKING:
    from lpel_serving.engine.inventory import MethodEntry
    from lpel_serving.methods.catalogue.description import Description

_WIDTH = 100
_CONTROLS = "Controls, which do not depend on the pair and are there to measure others by:"
_EMBEDDINGS = (
    "Embeddings are for a pair, both ways, besides its two: a similar or a dissimilar one."
)
_HINT = "`lpel methods NAME` shows a method's parameters with their ranges, its paper, its caveat."


def methods_command(
    name: Annotated[
        str | None, typer.Argument(help="Show this method alone, with all that it says of itself.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle", "-b", help="Show also what each can explain with this bundle, and its cost."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the explanation methods: what each shows, needs, explains, and takes."""
    from lpel_serving.methods.catalogue.registry import describe_methods, find_method

    if name is not None:
        find_method(name)  # an unknown name is refused before anything is loaded
    found, default = _with_bundle(bundle)
    known = [
        found[one.name].description if one.name in found else one
        for one in describe_methods()
        if name in (None, one.name)
    ]
    if json:
        print_json(_document(known, found, default))
    elif name is None:
        say("\n".join(_table(known, found, default)))
    else:
        say("\n".join(_details(known[0], found.get(name))))


def _with_bundle(bundle: Path | None) -> tuple[dict[str, "MethodEntry"], str | None]:
    """Try the methods with a bundle, if one is given, and name its default."""
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.engine.inventory import take_inventory

    if bundle is None:
        return {}, None
    explainer = Explainer.load(bundle)
    return {entry.name: entry for entry in take_inventory(explainer)}, explainer.default_name


def _document(
    known: list["Description"], found: dict[str, "MethodEntry"], default: str | None
) -> dict[str, Any]:
    from lpel_serving.methods.catalogue.description import as_record

    if default is None:
        return {"methods": [as_record(one) for one in known]}
    records = [found[one.name].record() | {"images": found[one.name].images} for one in known]
    return {"default": default, "methods": records}


def _table(
    known: list["Description"], found: dict[str, "MethodEntry"], default: str | None
) -> Iterator[str]:
    from lpel_serving.methods.catalogue.registry import LPEL, RESPONSES, SURROGATE_ORDER

    best = (
        f"{SURROGATE_ORDER} if the bundle has a surrogate, {RESPONSES} if it has a response "
        f"decoder, else {LPEL}"
    )
    yield f"The default is {default or best}."
    head = ("name", "what its maps show", "needs", "explains", "parameters")
    rows = [_row(one, found.get(one.name)) for one in known]
    if found:
        head = (*head, "embeddings")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"  {'  '.join(padded)}".rstrip()

    yield from ("", line(head))
    yield from (line(row) for one, row in zip(known, rows, strict=True) if not one.control)
    yield from ("", _CONTROLS)
    yield from (line(row) for one, row in zip(known, rows, strict=True) if one.control)
    reasons = [f"  {name}: {entry.reason}" for name, entry in found.items() if entry.reason]
    yield from ("", "Not with this bundle:", *reasons) if reasons else ()
    if found:
        yield from ("", _EMBEDDINGS)
    yield from ("", _HINT)


def _row(one: "Description", entry: "MethodEntry | None") -> tuple[str, ...]:
    decisions = one.decisions if entry is None else entry.decisions
    parameters = ", ".join(parameter.name for parameter in one.parameters)
    cells = (one.name, one.title, _needs(one), _both(decisions), parameters or "-")
    return cells if entry is None else (*cells, _cost(entry))


def _needs(one: "Description") -> str:
    if one.needs is None:
        return "?"
    return ", ".join([*one.needs, *([" or ".join(one.any_of)] if one.any_of else [])]) or "-"


def _both(decisions: tuple[str, ...]) -> str:
    return "both" if len(decisions) > 1 else decisions[0] if decisions else "nothing"


def _cost(entry: "MethodEntry") -> str:
    """Embeddings for a pair, both ways; separately by decision where that differs."""
    return " or ".join(f"{images:,}" for images in dict.fromkeys(entry.images.values())) or "-"


def _details(one: "Description", entry: "MethodEntry | None") -> Iterator[str]:
    from lpel_serving.methods.catalogue.description import NEEDS

    yield f"{one.name}: {one.title}"
    yield from textwrap.wrap(one.summary, _WIDTH)
    yield ""
    either = [" or ".join(NEEDS[need] for need in one.any_of)] if one.any_of else []
    needs = None
    if one.needs is not None:
        needs = " and ".join([*(NEEDS[need] for need in one.needs), *either])
    sign = {True: "with a sign", False: "without a sign", None: ""}[one.signed]
    lines = {
        "Needs": "not said" if needs is None else needs or "nothing but the size of the picture",
        "Explains": f"{' and '.join(one.decisions)} pairs{', by maps ' * bool(sign)}{sign}",
        "One file": "explainer.onnx can hold it" if one.one_file else "no",
        "Paper": one.paper,
        "Caveat": one.caveat,
    }
    if entry is not None:
        lines["Here"] = entry.reason or f"{_cost(entry)} embeddings for a pair, both ways"
    for what, text in lines.items():
        if text is not None:
            yield from _hanging(f"{what:<10}", text)
    yield ""
    if not one.parameters:
        yield "It has no parameters."
        return
    yield "Parameters, each set by --set NAME=VALUE:"
    for parameter in one.parameters:
        yield f"  {parameter.name}={_written(parameter.default)}: {parameter.allowed}"
        yield from textwrap.wrap(parameter.range.meaning, _WIDTH, **_indented(4))


def _hanging(what: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=what, subsequent_indent=" " * len(what))


def _indented(by: int) -> dict[str, Any]:
    return {"initial_indent": " " * by, "subsequent_indent": " " * by}


def _written(value: Any) -> str:
    """Write a value as `--set` reads it."""
    from lpel_serving.methods.catalogue.parameter import NONE

    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ",".join(map(str, value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


command = Command(methods_command, needs=(("onnxruntime", "cpu"),))
