"""Finds and makes the methods of the entry-point group `lpel.methods`; chooses the default."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from lpel_serving.bundle.origin import MEASURED
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.description import Description, describe, unknown
from lpel_serving.methods.catalogue.parameter import Parameter
from lpel_serving.methods.catalogue.parameters import named, parameters_in, typed
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import Method
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import ParameterError

GROUP = "lpel.methods"
"""The entry-point group in which any package may register methods."""
LPEL, RESPONSES = "lpel", "responses"
SURROGATE, SURROGATE_ORDER = "surrogate", "surrogate-order"
_DEFAULTS: Mapping[str, Callable[[], Method]] = {
    SURROGATE_ORDER: SurrogateOrder,
    SURROGATE: SurrogateAttribution,
    RESPONSES: Responses,
    LPEL: Lpel,
}
"""The methods that may be the default of a bundle or of its file, the best first."""


def methods() -> list[str]:
    """List the names of the installed methods."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find_method(name: str, **parameters: Any) -> Method:
    """Make a method by name.

    Parameters
    ----------
    name
        One of `methods`.
    parameters
        Parameters that differ from the method's defaults.

    Raises
    ------
    ParameterError
        If no method has that name, it has no such parameter, or one is out of range.
    """
    return make_method(name, parameters)


def make_method(name: str, values: Mapping[str, Any], *, served: bool = False) -> Method:
    """Make a method by name from JSON values of its parameters; see `find_method`.

    Parameters
    ----------
    name
        One of `methods`.
    values
        Values of some of its parameters, as JSON-serialisable values.
    served
        Whether to use the narrower ranges of a server.
    """
    kind = _kind(name)
    own = parameters_in(kind)
    accepted = tuple(one.as_served for one in own) if served else own
    return kind(**typed(accepted, values, owner=name))


def read_parameters(name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Parse parameters of a method from text to JSON-serialisable values.

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
    """List the parameters of a method by name; raise `ParameterError` if there is none."""
    return parameters_in(_kind(name))


def describe_method(
    name: str, *, subject: Subject = FACES, embedder: str = MEASURED
) -> Description:
    """Return the description of a method by name: see `describe`."""
    return describe(name, find_method(name), subject=subject, embedder=embedder)


def describe_methods() -> list[Description]:
    """Describe all methods, controls last; only by its name if a method cannot be loaded."""
    return sorted(map(_described, methods()), key=lambda one: one.control)


def _described(name: str) -> Description:
    try:
        return describe_method(name)
    except Exception:  # noqa: BLE001 - another package's method may fail as it likes
        return unknown(name)


@lru_cache
def installed_name(kind: type[Any]) -> str:
    """Find the name under which a class is installed; its own where it is not. Cached."""
    for name in methods():
        try:
            if _kind(name) is kind:
                return name
        except Exception:  # noqa: BLE001, S112 - another package's method may fail as it likes
            continue
    return kind.__name__


def default_name(*, responds: bool, simulates: bool = False) -> str:
    """Return the name of the best method that a bundle supports.

    The measurements behind this order are in ``docs/faithfulness.md``. Whoever explains from
    embeddings alone leaves `simulates` out. For a file of the whole explainer see `file_name`; a
    batch job chooses for itself.

    Parameters
    ----------
    responds
        Whether the bundle has a response decoder.
    simulates
        Whether it has a surrogate, which needs the photographs' local features.
    """
    if simulates:
        return SURROGATE_ORDER
    return RESPONSES if responds else LPEL


def default_method(*, responds: bool, simulates: bool = False) -> Method:
    """Make the method of `default_name`."""
    return _DEFAULTS[default_name(responds=responds, simulates=simulates)]()


def file_name(*, responds: bool, simulates: bool) -> str:
    """Return the name of the best method that a bundle supports and that one file can hold.

    An order by greed asks the surrogate again and again, each time about what it chose before: a
    plain graph has no such loop. See `default_name` for the parameters.
    """
    return SURROGATE if simulates else default_name(responds=responds)


def file_method(*, responds: bool, simulates: bool) -> Method:
    """Make the method of `file_name`."""
    return _DEFAULTS[file_name(responds=responds, simulates=simulates)]()


@lru_cache
def _kind(name: str) -> Any:
    """Load the class of a method; cached, since searching takes longer than explaining a pair."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()
    raise ParameterError(f"no method is called {name!r}; there are: {', '.join(methods())}.")
