"""Strict JSON for untrusted input: no duplicate keys, finite numbers, bounded depth."""

import json
import math
from collections.abc import Callable
from itertools import chain
from typing import Any, cast

_MAX_DEPTH = 32
_SMALL_BYTES = 64 * 2**10


def read_json(data: str | bytes, quick: Callable[[bytes], Any] | None = None) -> Any:
    """Parse JSON strictly, so that every parser would read the same values.

    Parameters
    ----------
    data
        Text, or bytes of it in UTF-8. The caller has to bound its size: no other thread runs while
        it is parsed.
    quick
        A parser of bytes such as ``orjson.loads``, several times as fast as Python's own. It
        silently keeps the last of duplicate keys; these are detected by counting keys. Integers of
        more than 64 bits may become floats. Small input that it refuses is parsed again by
        Python's, whose messages are clearer.

    Raises
    ------
    ValueError
        If it is not JSON, repeats a key, holds NaN, infinity or a number that overflows to it, or
        is nested deeper than 32 levels.
    """
    if quick is not None and isinstance(data, bytes):
        try:
            return _read_quickly(data, quick)
        except ValueError:
            if len(data) > _SMALL_BYTES:
                raise
    return _read(data if isinstance(data, str) else data.decode("utf-8"))


def _read_quickly(data: bytes, quick: Callable[[bytes], Any]) -> Any:
    value = quick(data)
    if _count_keys(value) != _keys_written(data):
        raise ValueError("a key stands there twice")
    return value


def _keys_written(data: bytes) -> int:
    """Count the keys in JSON text: the colons outside strings."""
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return sum(part.count(b":") for part in without_escapes.split(b'"')[::2])


def _read(text: str) -> Any:
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels") from error
    _count_keys(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise ValueError(f"the key {key[:60]!a} stands there twice")
        fields[key] = value
    return fields


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON's")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _count_keys(value: Any) -> int:
    """Count the keys of all objects in a parsed JSON value.

    Raises
    ------
    ValueError
        If it is nested deeper than 32 levels. It could be read, but not written again: Python's own
        writers are recursive.
    """
    keys, level = 0, _containers([value])
    for _ in range(_MAX_DEPTH):
        if not level:
            return keys
        objects = [cast("dict[str, Any]", one) for one in level if type(one) is dict]
        lists: list[list[Any]] = [one for one in level if type(one) is list]
        keys += sum(map(len, objects))
        members = chain.from_iterable(one.values() for one in objects)
        level = _containers([*members, *chain.from_iterable(lists)])
    if level:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
    return keys


def _containers(values: list[Any]) -> list[Any]:
    """The objects and lists among values, of which there may be a million, mostly numbers."""
    kinds: set[Any] = set(map(type, values))
    if kinds.isdisjoint((dict, list)):
        return []
    return values if kinds == {list} else [one for one in values if type(one) in (dict, list)]
