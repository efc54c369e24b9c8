"""The parameters that a method's class declares, and typed values for them.

A parameter is a field of the method's dataclass that has a default; its meaning and range annotate
its type, as in ``count: Annotated[int, Range("Coalitions of each image.", least=1)] = 256``. A
field without a `Range` is a parameter that has no range.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass, replace
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from lpel_serving.methods.catalogue.parameter import Kind, Parameter, Range
from lpel_serving.support.errors import ParameterError

_KINDS: Mapping[Any, Kind] = {
    int: "whole number",
    float: "number",
    bool: "yes or no",
    tuple[int, ...]: "whole numbers",
    str: "text",
}


def parameters_in(kind: Any) -> tuple[Parameter, ...]:
    """List the parameters of a method's class; a class that is no dataclass has none."""
    return _parameters_in(kind) if isinstance(kind, type) and is_dataclass(kind) else ()


@lru_cache
def _parameters_in(kind: Any) -> tuple[Parameter, ...]:
    try:
        types = get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):  # another package may name types that are not imported
        types = {}
    found = (_parameter(one, types.get(one.name)) for one in fields(kind) if one.init)
    return tuple(one for one in found if one is not None)


def parameters_of(method: Any) -> dict[str, Any]:
    """Return a method's own parameters with their values."""
    if not is_dataclass(method) or isinstance(method, type):
        return {}
    # Not `asdict`: a method of another package may have fields that cannot be copied.
    values = {one.name: getattr(method, one.name) for one in fields(method)}
    return {name: _plain(one) for name, one in values.items()}


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def check_own(method: Any) -> None:
    """Raise `ParameterError` unless all parameters of a method lie in their ranges."""
    for parameter in parameters_in(cast("Any", type(method))):
        parameter.check_taken(getattr(method, parameter.name))


def typed(
    parameters: tuple[Parameter, ...], values: Mapping[str, Any], *, owner: str
) -> dict[str, Any]:
    """Convert JSON values to the types that a method takes.

    Parameters
    ----------
    parameters
        The method's.
    values
        For some of them, by name.
    owner
        Name of the method.

    Raises
    ------
    ParameterError
        If it has no such parameter, or a value is of another type or out of range.
    """
    return {name: named(parameters, name, owner).take(value) for name, value in values.items()}


def named(parameters: tuple[Parameter, ...], name: str, owner: str) -> Parameter:
    """Find a parameter by name; raise `ParameterError` if the method, `owner`, has none."""
    for parameter in parameters:
        if parameter.name == name:
            return parameter
    has = f"it has {', '.join(one.name for one in parameters)}" if parameters else "it has none"
    raise ParameterError(f"the method {owner} has no parameter {name[:60]!a}: {has}.")


def _parameter(field: Field[Any], hint: Any) -> Parameter | None:
    """Describe a field; None if its values cannot be written as text or in JSON."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    if default is MISSING:
        return None
    range_, hint, optional = _without_none(type(default) if hint is None else hint)
    if range_.make is not None:
        made = {word: range_.make(word) for word in range_.choices if word not in range_.words}
        words = (word for word in range_.choices if made.get(word, word) == default)
        return Parameter(field.name, "choice", next(words, None), optional, range_)
    if get_origin(hint) is Literal:
        choices = replace(range_, choices=get_args(hint))
        return Parameter(field.name, "choice", default, optional, choices)
    known = _KINDS.get(hint)
    return None if known is None else Parameter(field.name, known, default, optional, range_)


def _without_none(hint: Any) -> tuple[Range, Any, bool]:
    """Split a type into its range, the type without None, and whether None was allowed."""
    range_ = Range()
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        range_ = next((one for one in extras if isinstance(one, Range)), range_)
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    some = [one for one in kinds if one is not type(None)]
    return range_, some[0] if len(some) == 1 else hint, len(some) < len(kinds)
