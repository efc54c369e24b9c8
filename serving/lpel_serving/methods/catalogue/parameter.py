"""One parameter of a method: its meaning, type and range, and the check of values against them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from lpel_serving.support.errors import ParameterError

Kind = Literal["whole number", "number", "yes or no", "choice", "whole numbers", "text"]

NONE = "none"
"""The word for None in a parameter's text form."""
_YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}
_MANY, _LONG = 16, 200
"""Upper bounds of the numbers in a list and of the characters of a text."""


@dataclass(frozen=True)
class Range:
    """The annotation of a parameter: its meaning and range.

    Attributes
    ----------
    meaning
        What it sets, in one sentence.
    least, most, above
        Its range; `above` is the bound that is not itself in the range. None where it is open.
    served
        The most that a server accepts in a request, if less than `most`, to bound its memory.
    choices, make
        The allowed words, and the class that is constructed from one, if any.
    words
        Those of the choices that stay words.
    """

    meaning: str = ""
    least: float | None = None
    most: float | None = None
    above: float | None = None
    served: float | None = None
    choices: tuple[Any, ...] = ()
    make: type[Any] | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    Attributes
    ----------
    name
        Of the field.
    kind
        The type of its values.
    default
        Its default as a JSON-serialisable value.
    optional
        Whether it may also be None.
    range
        Its meaning and allowed values.
    """

    name: str
    kind: Kind
    default: Any
    optional: bool
    range: Range

    @property
    def as_served(self) -> "Parameter":
        """The same with a server's range."""
        served = self.range.served
        return self if served is None else replace(self, range=replace(self.range, most=served))

    @property
    def allowed(self) -> str:
        """The allowed values, in a few words."""
        words = self._of_kind()
        return f"{words}, or {NONE}" if self.optional else words

    def _of_kind(self) -> str:
        if self.kind == "choice":
            return f"one of {', '.join(map(str, self.range.choices))}"
        if self.kind in ("yes or no", "text"):
            return self.kind
        article = "" if self.kind == "whole numbers" else "a "
        between = ", with commas between" if self.kind == "whole numbers" else ""
        return f"{article}{self.kind}{_bounds(self.range)}{between}"

    def read(self, text: str) -> Any:
        """Read a value that is written as text, such as ``64``, ``yes`` or ``7,14``.

        Raises
        ------
        ParameterError
            If it is of another type, or out of range.
        """
        try:
            value = self._parsed(text.strip())
        except (ValueError, KeyError) as error:
            raise self._refusal(text) from error
        self.take(value)
        return value

    def _parsed(self, text: str) -> Any:
        if self.optional and text.lower() == NONE:
            return None
        match self.kind:
            case "whole number":
                return int(text)
            case "number":
                return float(text)
            case "yes or no":
                return _YES_OR_NO[text.lower()]
            case "whole numbers":
                return [int(part) for part in text.split(",")]
            case "choice":
                return {str(choice): choice for choice in self.range.choices}[text]
            case "text":
                return text

    def take(self, value: Any) -> Any:
        """Convert a JSON value to the type that the method takes.

        Raises
        ------
        ParameterError
            If it is of another type, or out of range.
        """
        if isinstance(value, np.generic):
            value = cast("Any", value).item()  # numpy's own numbers, as Python users have them
        if isinstance(value, float) and value.is_integer() and self.kind != "number":
            value = int(value)  # JSON has one type of number: 4.0 equals 4
        if value is None or self._is_made(value):
            self.check(value)
            return value
        if not self._is_of_kind(value):
            raise self._refusal(value)
        self.check(value)
        if isinstance(value, list):
            return tuple(cast("list[int]", value))
        if self.range.make is None or value in self.range.words:
            return value
        return self.range.make(value)

    def check(self, value: Any) -> None:
        """Raise `ParameterError` unless a value lies in the range."""
        if not (self.optional if value is None else self._is_within(value)):
            raise self._refusal(value)

    def check_taken(self, value: Any) -> None:
        """Raise `ParameterError` unless a value is one that `take` gives: no word to be made."""
        if isinstance(value, str) and self.range.make is not None and value not in self.range.words:
            raise ParameterError(
                f"{self.name} takes a {self.range.make.__name__}; received {ascii(value)[:_LONG]}."
            )
        self.check(value)

    def _is_made(self, value: Any) -> bool:
        return self.range.make is not None and isinstance(value, self.range.make)

    def _is_of_kind(self, value: Any) -> bool:
        match self.kind:
            case "whole number":
                return _is_whole(value)
            case "number":
                return _is_whole(value) or isinstance(value, float)
            case "yes or no":
                return isinstance(value, bool)
            case "whole numbers":
                few = isinstance(value, list | tuple) and len(cast("list[Any]", value)) <= _MANY
                return few and all(map(_is_whole, cast("list[Any]", value)))
            case "choice":
                return _is_among(value, self.range.choices)
            case "text":
                return isinstance(value, str) and len(value) <= _LONG

    def _is_within(self, value: Any) -> bool:
        if self._is_made(value) or self.kind in ("yes or no", "text"):
            return True
        if self.kind == "choice":
            return _is_among(value, self.range.choices)
        numbers = value if self.kind == "whole numbers" else (value,)
        return len(numbers) > 0 and all(_is_inside(number, self.range) for number in numbers)

    def _refusal(self, value: Any) -> ParameterError:
        received = ascii(value)
        shown = received if len(received) <= _LONG else f"{received[:_LONG]}..."
        return ParameterError(f"{self.name} takes {self.allowed}; received {shown}.")


def _is_among(value: Any, choices: Iterable[Any]) -> bool:
    """Whether a value is one of the choices; True is not 1."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in choices)


def _bounds(range_: Range) -> str:
    least, most, above = (_shown(one) for one in (range_.least, range_.most, range_.above))
    if above:
        return f" above {above}" + (f" and at most {most}" if most else "")
    if least and most:
        return f" from {least} to {most}"
    if least:
        return f" of {least} or more"
    return f" of at most {most}" if most else ""


def _shown(bound: float | None) -> str:
    return "" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_inside(value: float, range_: Range) -> bool:
    least, most, above = range_.least, range_.most, range_.above
    return (
        -float("inf") < value < float("inf")
        and (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
    )
