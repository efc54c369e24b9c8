"""Which methods are installed, how one is made with its parameters, and which is the default."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from lpel_serving.methods.catalogue.description import Description, describe, unknown, unmeasured
from lpel_serving.methods.catalogue.parameter import Parameter
from lpel_serving.methods.catalogue.parameters import named, parameters_in, typed
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import Method
from lpel_serving.support.errors import ParameterError

GROUP = "lpel.methods"
"""The entry-point group where any package may put its methods."""
LPEL, RESPONSES = "lpel", "responses"


def methods() -> list[str]:
    """Name the methods that are installed."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find_method(name: str, **parameters: Any) -> Method:
    """Make the method of a name.

    Parameters
    ----------
    name
        One of `methods`.
    parameters
        Those that shall differ from the method's own defaults.

    Raises
    ------
    ParameterError
        If no method has that name, it has no such parameter, or one is out of range.
    """
    return make_method(name, parameters)


def make_method(name: str, values: Mapping[str, Any], *, served: bool = False) -> Method:
    """Make the method of a name with some parameters; see `find_method`.

    Parameters
    ----------
    name
        One of `methods`.
    values
        Of some of its parameters, in JSON's own types.
    served
        Whether the ranges are those that a server takes.
    """
    kind = _kind(name)
    own = parameters_in(kind)
    asked = tuple(one.as_served for one in own) if served else own
    return kind(**typed(asked, values, owner=name))


def read_parameters(name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Read parameters of a method that are written as text, into JSON's own types.

    Parameters
    ----------
    name
        Of the method.
    texts
        Each ``NAME=VALUE``.

    Raises
    ------
    ParameterError
        If one is written otherwise or twice, the method has no such parameter, or it is out of
        range.
    """
    values: dict[str, Any] = {}
    own = own_parameters(name)
    for text in texts:
        parameter, equals, value = text.partition("=")
        parameter = parameter.strip()
        if not (equals and parameter):
            raise ParameterError(
                f"expected a parameter as NAME=VALUE, such as count=64; received {text[:60]!a}."
            )
        if parameter in values:
            raise ParameterError(f"the parameter {parameter} is given twice: give it once.")
        values[parameter] = named(own, parameter, name).read(value)
    return values


def own_parameters(name: str) -> tuple[Parameter, ...]:
    """Say what can be set of the method of a name; raise `ParameterError` if there is none."""
    return parameters_in(_kind(name))


def describe_method(name: str) -> Description:
    """Read what the method of a name says of itself."""
    return describe(name, find_method(name))


def describe_methods() -> list[Description]:
    """Read what all methods say of themselves, controls last; of one that fails only its name."""
    return sorted(map(_described, methods()), key=lambda one: one.control)


def _described(name: str) -> Description:
    try:
        return describe_method(name)
    except Exception:  # noqa: BLE001 - another package's method may fail as it likes
        return unknown(name)


def caveat_of(name: str) -> str:
    """Say what limits the maps of a method, installed or not, whatever the pair."""
    try:
        return describe_method(name).caveat
    except ParameterError:  # a method that was given as an object has no name here
        return unmeasured(name)


def default_name(*, responds: bool) -> str:
    """Name the best method that a bundle can do.

    The measurements behind that order stand in ``docs/faithfulness.md``.

    Parameters
    ----------
    responds
        Whether the bundle has a response decoder.
    """
    return RESPONSES if responds else LPEL


def default_method(*, responds: bool) -> Method:
    """Make the method of `default_name`."""
    return {RESPONSES: Responses, LPEL: Lpel}[default_name(responds=responds)]()


@lru_cache
def _kind(name: str) -> Any:
    """Load the class of a name: to look for it takes longer than to explain a pair."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()
    raise ParameterError(f"no method is called {name!r}; there are: {', '.join(methods())}.")
