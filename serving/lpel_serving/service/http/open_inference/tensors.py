"""Conversion of tensors between numpy and strict JSON or little-endian bytes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.service.http.messages.problems import Problem

Array = NDArray[Any]
Shape = tuple[int, ...]

DATATYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""The protocol's names of numpy's types; its BYTES are text, and not supported."""

_KINDS = {"b": ({bool}, "true or false"), "f": ({int, float}, "numbers")}
_WHOLE = ({int}, "whole numbers, such as 1 and not 1.0")


def find_datatype(name: str) -> np.dtype[Any]:
    """Return numpy's type for one of the protocol's.

    Raises
    ------
    Problem
        If there is none.
    """
    if name not in DATATYPES:
        raise Problem(
            400, f"expected a datatype out of {', '.join(DATATYPES)}, received {name[:40]!a}."
        )
    return DATATYPES[name]


def binary_size(datatype: str, shape: Shape) -> int:
    """How many bytes a tensor takes."""
    return math.prod(shape) * find_datatype(datatype).itemsize


def from_json(data: Any, datatype: str, shape: Shape) -> Array:
    """Turn JSON's numbers into an array; nothing wraps around, overflows or loses a fraction.

    Parameters
    ----------
    data
        A list of all elements in row-major order, or lists in lists as `shape` says.
    datatype
        One of `DATATYPES`. A decimal fraction becomes the nearest floating-point number.
    shape
        No axis of it negative.

    Raises
    ------
    Problem
        If the data are of another shape, type or range, or there are none.
    """
    dtype = find_datatype(datatype)
    values = _flat(data, shape)
    kinds, wanted = _KINDS.get(dtype.kind, _WHOLE)
    if not kinds.issuperset(map(type, values)):
        stranger = next(value for value in values if type(value) not in kinds)
        raise Problem(400, f"expected {wanted} for {datatype}, received {_json_name(stranger)}.")
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, np.float64 if dtype.kind == "f" else dtype).astype(dtype)
    except OverflowError as error:
        raise Problem(400, _out_of_range(datatype)) from error
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise Problem(400, _out_of_range(datatype))
    return array.reshape(shape)


def from_binary(data: bytes | memoryview, datatype: str, shape: Shape) -> Array:
    """Turn bytes, little-endian and row-major, into an array.

    Raises
    ------
    Problem
        If they are not as many as the shape demands, or there are none, or a BOOL is neither 0
        nor 1.
    """
    dtype = find_datatype(datatype)
    _check_count(len(data), binary_size(datatype, shape), "bytes", shape)
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max() > 1:
        raise Problem(400, "expected bytes 0 and 1 for BOOL, received others.")
    return np.frombuffer(data, dtype).reshape(shape)


def to_json(array: Array) -> Array:
    """Turn finite numbers into a flat list for JSON, each exactly."""
    wide = array.astype(np.float64) if array.dtype.kind == "f" else array
    return np.ascontiguousarray(wide).reshape(-1)


def to_binary(array: Array, datatype: str) -> bytes:
    """Turn an array into bytes, little-endian and row-major."""
    return array.astype(find_datatype(datatype), copy=False).tobytes()


def _flat(data: Any, shape: Shape) -> Sequence[Any]:
    """Flatten lists that are flat already, or nested as the shape says."""
    if not isinstance(data, list):
        raise Problem(400, f"expected a list as data, received {_json_name(data)}.")
    values = cast("list[Any]", data)
    if not shape or not values or not isinstance(values[0], list):
        _check_count(len(values), math.prod(shape), "elements", shape)
        return values
    _check_count(len(values), shape[0], "rows", shape)
    for size in shape[1:]:
        if any(not isinstance(row, list) or len(cast("list[Any]", row)) != size for row in values):
            raise Problem(
                400,
                f"expected data nested as the shape {list(shape)} says, or flat; received "
                "lists of other lengths.",
            )
        values = list(chain.from_iterable(cast("Iterable[Iterable[Any]]", values)))
    return values


def _check_count(received: int, expected: int, what: str, shape: Shape) -> None:
    if received != expected or not received:
        raise Problem(
            400,
            f"the shape {list(shape)} takes {expected} {what}, received {received}"
            + (": expected at least one." if not received else "."),
        )


def _out_of_range(datatype: str) -> str:
    return f"expected numbers in the range of {datatype}, received one beyond it."


_JSON_NAMES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a fraction",
    "str": "text",
    "list": "a list",
    "dict": "an object",
}


def _json_name(value: Any) -> str:
    return _JSON_NAMES.get(type(value).__name__, "null")
