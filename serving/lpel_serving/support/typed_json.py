"""Typed access to untrusted JSON: each field's type and range is checked."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from lpel_serving.support.errors import BundleError

T = TypeVar("T")

_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Reader:
    """Typed access to one JSON object of a bundle; error messages name the field.

    Attributes
    ----------
    fields
        The object.
    where
        Its name in error messages.
    """

    fields: Mapping[str, Any]
    where: str

    def take(self, key: str, kind: type[T]) -> T:
        """Take a value of one type; a boolean is not a number."""
        value = self.fields.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BundleError(
                f"{self.where}.{key}: expected {kind.__name__}, received {type(value).__name__}."
            )
        return value

    def inner(self, key: str) -> "Reader":
        """Read an object within this one."""
        return Reader(self.mapping(key), f"{self.where}.{key}")

    def mapping(self, key: str) -> dict[str, Any]:
        """Take an object as it is."""
        return cast("dict[str, Any]", self.take(key, dict))

    def objects(self, key: str, most: int) -> list["Reader"]:
        """Read a list of 1 to `most` objects."""
        items = cast("list[Any]", self.take(key, list))
        if not 0 < len(items) <= most:
            raise BundleError(
                f"{self.where}.{key}: expected 1 to {most} objects, received {len(items)}."
            )
        named = {str(place): item for place, item in enumerate(items)}
        return [Reader(named, f"{self.where}.{key}").inner(place) for place in named]

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of texts."""
        items = cast("list[Any]", self.take(key, list))
        if not all(isinstance(item, str) for item in items):
            raise BundleError(f"{self.where}.{key}: expected a list of texts.")
        return tuple(items)

    def size(self, key: str, most: int) -> int:
        """Take a whole number from 1 to `most`."""
        value = self.take(key, int)
        if not 0 < value <= most:
            raise BundleError(f"{self.where}.{key}: expected 1 to {most}, received {value}.")
        return value

    def sizes(self, key: str, most: Sequence[int]) -> list[int]:
        """Take a list of whole numbers, each from 1 to its `most`."""
        items = cast("list[Any]", self.take(key, list))
        if len(items) != len(most):
            raise BundleError(
                f"{self.where}.{key}: expected {len(most)} whole numbers, received {len(items)}."
            )
        numbered = {str(place): item for place, item in enumerate(items)}
        inner = Reader(numbered, f"{self.where}.{key}")
        return [inner.size(str(place), limit) for place, limit in enumerate(most)]

    def count(self, key: str, least: int) -> int:
        """Take a whole number from `least` on."""
        value = self.take(key, int)
        if value < least:
            raise BundleError(f"{self.where}.{key}: expected at least {least}, received {value}.")
        return value

    def number(self, key: str, least: float = -_LARGEST, most: float = _LARGEST) -> float:
        """Take a finite number, whole or not, in a range."""
        kind = int if isinstance(self.fields.get(key), int) else float
        value = self.take(key, kind)
        if not least <= value <= most:  # before it is made a float, which it may be too large for
            raise BundleError(
                f"{self.where}.{key}: expected {least:g} to {most:g}, received {value}."
            )
        return float(value)
