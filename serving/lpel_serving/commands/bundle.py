"""`lpel bundle`: shows a bundle's manifest as a card, and verifies its files."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import JsonOption, print_json, say

if TYPE_CHECKING:
    from lpel_serving.bundle.manifest import Manifest


class Action(StrEnum):
    """What to do with a bundle."""

    INSPECT = "inspect"
    CHECK = "check"


def bundle(
    context: typer.Context,
    action: Annotated[
        Action,
        typer.Argument(
            help="inspect says what the manifest says; check verifies the files and runs the "
            "models once.",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The folder of the models.", show_default=False)
    ],
    figure: Annotated[
        Path | None,
        typer.Option(
            help="With inspect: draw here, as PNG, how reliable its confidence is.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Look into a bundle: `lpel bundle inspect BUNDLE`, `lpel bundle check BUNDLE`.

    check exits with 1 if the bundle is refused, and with 2 if there is none.
    """
    check_applies(context, action is Action.INSPECT, "goes with inspect alone", "--figure")
    if action is Action.INSPECT:
        _inspect(folder, figure, json)
    else:
        _check(folder, json)


def _inspect(folder: Path, figure: Path | None, json: bool) -> None:
    from lpel_serving.bundle.card import card, facts
    from lpel_serving.bundle.loading import read_manifest

    manifest = read_manifest(folder)
    if figure is not None:
        _draw(folder, manifest, figure)
    if json:
        print_json({"bundle": str(folder), **facts(manifest)})
        return
    say("\n".join([_plain(str(folder)), *map(_plain, card(manifest))]))


def _draw(folder: Path, manifest: "Manifest", figure: Path) -> None:
    from lpel_serving.report.figures import png, reliability_figure
    from lpel_serving.support.errors import ParameterError
    from lpel_serving.support.files import write_atomically

    if manifest.confidence is None:
        raise ParameterError(
            f"{folder} has no confidence to draw: fit one with `lpel calibrate --bundle {folder}`."
        )
    drawn = reliability_figure(
        manifest.confidence.reliability, manifest.embedder.name, manifest.subject
    )
    write_atomically(figure, png(drawn))


def _check(folder: Path, json: bool) -> None:
    from lpel_serving.bundle.loading import read_manifest
    from lpel_serving.bundle.manifest import MANIFEST_FILE
    from lpel_serving.engine.bundle_check import check_bundle

    if not (folder / MANIFEST_FILE).exists():
        read_manifest(folder)  # raises if this is not a bundle
    checks = check_bundle(folder)
    passed = all(check.passed for check in checks)
    if json:
        found = [asdict(check) for check in checks]
        print_json({"bundle": str(folder), "passed": passed, "checks": found})
    else:
        verdict = "every check passed" if passed else "the bundle is refused"
        lines = [f"{'ok' if c.passed else 'failed'}  {c.name}: {c.detail}" for c in checks]
        say("\n".join(map(_plain, [*lines, f"{folder}: {verdict}."])))
    if not passed:
        raise typer.Exit(1)


def _plain(text: str) -> str:
    """Escape characters that control a terminal, such as colours and new lines."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


command = Command(bundle)
