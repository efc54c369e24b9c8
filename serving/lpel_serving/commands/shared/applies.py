"""Refuses options that would have no effect without others."""

import typer

from lpel_serving.support.errors import ParameterError

DRAWN = "goes with pairs that are drawn, not with --pairs"


def check_applies(context: typer.Context, applies: bool, how: str, *options: str) -> None:
    """Refuse options that would be ignored.

    What is not given is never refused, nor what an environment variable says, which stands for many
    commands. A seed is never ignored: the result is the one of that seed, also where all are alike.

    Parameters
    ----------
    context
        The command's.
    applies
        Whether the options do something here.
    how
        What they need, as the rest of a sentence after their name, such as ``goes with --gallery``.
    options
        As written on the command line, such as ``--top``.

    Raises
    ------
    ParameterError
        If one of them was given on the command line and does nothing.
    """
    if applies:
        return
    for parameter in context.command.params:
        named = [option for option in options if option in parameter.opts]
        if named and _is_given(context, parameter.name or ""):
            raise ParameterError(
                f"{named[0]} {how}: see to that or leave it out, for here it would do nothing."
            )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
