"""`lpel`: finds its sub-commands, and turns errors into one sentence and an exit code."""

import sys
from importlib.metadata import entry_points, version
from typing import Annotated, Any

import typer

from lpel_serving.commands.shared.command import Command, of_local_paths
from lpel_serving.commands.shared.terminal import write_on_any_terminal
from lpel_serving.support.errors import LpelError, MissingExtraError

BAD_INPUT, INTERRUPTED = 2, 130


def main() -> None:
    """Run `lpel` and exit: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    write_on_any_terminal()
    try:
        build_app()()
    except LpelError as error:
        sys.stderr.write(f"lpel: {error}\n")
        sys.exit(error.exit_status)
    except OSError as error:  # such as a path that no file system takes
        sys.stderr.write(f"lpel: {error.filename or 'a file'}: {error.strerror or error}.\n")
        sys.exit(BAD_INPUT)
    except SystemExit as stop:  # typer turns Ctrl-C into a silent exit
        if stop.code == INTERRUPTED:
            sys.stderr.write("lpel: interrupted.\n")
        raise
    except KeyboardInterrupt:
        sys.stderr.write("lpel: interrupted.\n")
        sys.exit(INTERRUPTED)


def build_app() -> typer.Typer:
    """Gather the installed sub-commands; those that lack an extra are hidden, and name it."""
    app = typer.Typer(
        name="lpel",
        help="Explain why a siamese network called two faces the same or different.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for entry in sorted(entry_points(group="lpel.commands"), key=lambda entry: entry.name):
        command: Command = entry.load()
        sentence = command.missing()
        if sentence is not None:
            _add_absent(app, entry.name, sentence)
        elif isinstance(command.run, typer.Typer):
            app.add_typer(command.run, name=entry.name)
        else:
            app.command(entry.name)(of_local_paths(command.run))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lpel {version('lpel-tf')}")
        raise typer.Exit


def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Hold the options of `lpel` itself."""


def _add_absent(app: typer.Typer, name: str, sentence: str) -> None:
    settings: dict[str, Any] = {
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": [],
    }

    @app.command(name, hidden=True, context_settings=settings)
    def absent() -> None:  # pyright: ignore[reportUnusedFunction]
        raise MissingExtraError(sentence)
