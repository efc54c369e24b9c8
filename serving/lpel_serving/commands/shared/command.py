"""The type that packages register in the entry-point group `lpel.commands`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from typing import Any

from lpel_serving.support.extras import missing
from lpel_serving.support.urls import refuse_urls


def of_local_paths(run: Callable[..., Any]) -> Callable[..., Any]:
    """Make a command refuse URLs wherever it takes paths; `main` does that to plain functions.

    To be written below the `command` decorator of a `typer.Typer`.
    """

    @wraps(run)
    def checked(*arguments: Any, **options: Any) -> Any:
        refuse_urls(options)
        return run(*arguments, **options)

    return checked


@dataclass(frozen=True)
class Command:
    """A sub-command of `lpel`.

    Attributes
    ----------
    run
        The function behind it, with typer's annotations; its docstring is the help text. Or a
        `typer.Typer` that has several.
    needs
        Modules that it requires, each with the extra that installs it.
    """

    run: Callable[..., Any]
    needs: tuple[tuple[str, str], ...] = ()

    def missing(self) -> str | None:
        """Return the extra that is missing for this command, if any."""
        for module, extra in self.needs:
            if find_spec(module) is None:
                return missing(module, extra)
        return None
