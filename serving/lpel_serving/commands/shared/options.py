"""Options that several commands share."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

BundleOption = Annotated[
    Path, typer.Option("--bundle", "-b", help="The folder of the models.", show_default=False)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
CropOption = Annotated[
    str | None,
    typer.Option(
        "--crop",
        help="How to cut the face out: none (it has the network's proportions), pad, stretch, a "
        "share such as 0.48 (centred), or mtcnn (detected and aligned). The bundle's own by "
        "default.",
        show_default=False,
    ),
]
ProviderOption = Annotated[
    str, typer.Option("--provider", help="onnxruntime's execution provider: cpu, cuda, …")
]
THREADS_HELP = "Threads of one inference; more than there are cores are not begun."
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, help=THREADS_HELP, show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the method, such as count=64; may be repeated. `lpel methods NAME` "
        "lists what a method has.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of all randomness.")]
FacesOption = Annotated[
    Path,
    typer.Option(
        "--faces",
        help="Photographs, as identity/image.jpg or flat with --identities.",
        show_default=False,
    ),
]
IdentitiesOption = Annotated[
    Path | None,
    typer.Option(
        "--identities",
        help="For a flat folder: lines `000001.jpg 2880`, as CelebA has them, or with a tab.",
        show_default=False,
    ),
]
MostBadOption = Annotated[
    float,
    typer.Option(
        "--most-bad",
        min=0,
        max=1,
        help="Leave out photographs that cannot be used, up to this share of them.",
    ),
]
ListPassedOverOption = Annotated[
    bool,
    typer.Option(
        "--list-passed-over",
        help="Name on standard error whatever the folder or a list names and is not used.",
    ),
]


def say(text: str) -> None:
    """Print a line on standard output; if the pipe is closed, exit without an error."""
    try:
        typer.echo(text, file=sys.stdout)  # named, for typer else writes UTF-8 where ASCII is read
    except BrokenPipeError:
        # Buffered output must not be written to the closed pipe again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


def print_json(document: dict[str, Any]) -> None:
    """Print a document on standard output, as the only output."""
    say(json.dumps(document, indent=2, allow_nan=False))
