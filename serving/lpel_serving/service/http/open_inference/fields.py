"""Typed access to a stranger's JSON: what is missing or of another type is named."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.tensors import Shape

_MAX_AXES, _MAX_LENGTH = 16, 2**64 - 1
_NOT_OFFERED = ("shared_memory_region", "classification")
"""Parameters that ask for another answer: to ignore them would be to give a wrong one."""


@dataclass(frozen=True)
class Fields:
    """A JSON object; a field that is null counts as absent.

    Attributes
    ----------
    values
        What it holds.
    where
        What complaints call it.
    """

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, value: Any, where: str) -> "Fields":
        """Take any value for an object; raise `Problem` if it is none."""
        if not isinstance(value, dict):
            raise Problem(400, f"expected {where} to be a JSON object.")
        return cls(cast("Mapping[str, Any]", value), where)

    def get(self, key: str) -> Any:
        """Return a field; None if it is absent."""
        return self.values.get(key)

    def text(self, key: str) -> str:
        """Return a field that is text."""
        value = self.get(key)
        if not isinstance(value, str) or not _can_be_written(value):
            raise Problem(400, f"expected the {key} of {self.where} to be text.")
        return value

    def items(self, key: str, what: str, most: int) -> list["Fields"]:
        """Return a field that is a list of objects, which are looked at only if they are few."""
        value = self.get(key)
        found = cast("list[Any]", value) if isinstance(value, list) else None
        if found is None or len(found) > most:
            raise Problem(
                400, f"expected the {key} of {self.where} to be a list, of at most {most}."
            )
        return [Fields.of(item, what) for item in found]

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a field that is true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise Problem(400, f"expected the {key} of {self.where} to be true or false.")
        return value

    def shape(self, key: str) -> Shape:
        """Return a field that is a list of lengths, each of 64 bits as the protocol says."""
        value = self.get(key)
        lengths = cast("list[Any]", value) if isinstance(value, list) else [None]
        if len(lengths) > _MAX_AXES or not all(map(_is_length, lengths)):
            raise Problem(
                400,
                f"expected the {key} of {self.where} to be a list of at most {_MAX_AXES} whole "
                "numbers, none of them negative.",
            )
        return tuple(cast("list[int]", lengths))

    def parameters(self) -> "Fields":
        """Return the parameters; those that are not known are let pass."""
        where = f"the parameters of {self.where}"
        found = Fields.of({} if self.get("parameters") is None else self.get("parameters"), where)
        for key in _NOT_OFFERED:
            if found.get(key) is not None:
                raise Problem(400, f"{key}, among {where}, is not offered here.")
        return found


def _can_be_written(text: str) -> bool:
    """Whether it holds whole characters: JSON may escape a half of one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_LENGTH


@contextmanager
def naming(where: str) -> Generator[None]:
    """Let complaints begin with what they are about."""
    try:
        yield
    except Problem as error:
        raise Problem(error.status, f"{where}: {error}") from error
