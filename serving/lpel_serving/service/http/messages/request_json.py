"""JSON of a request: read in one quick go, and as strictly as any other."""

from typing import Any

import orjson

from lpel_serving.support.strict_json import check_depth, read_json

_SMALL_BYTES = 64 * 2**10


def read_request_json(data: bytes) -> Any:
    """Parse JSON that every reader understands alike.

    While JSON is parsed no other thread has a turn, and so nobody is answered: Python's own parser
    takes several times as long as this one, which in turn lets the last of equal keys win without
    a word. They are found by counting. What is small and refused goes to Python's, which says more
    plainly what is wrong.

    Parameters
    ----------
    data
        In UTF-8. It is for the caller to see that it is no more than can be parsed in passing.
        Whole numbers of more than 64 bits become fractions.

    Raises
    ------
    ValueError
        As `lpel_serving.support.strict_json.read_json`.
    """
    try:
        return _read_quickly(data)
    except ValueError:
        if len(data) > _SMALL_BYTES:
            raise
    return read_json(data.decode("utf-8"))


def _read_quickly(data: bytes) -> Any:
    value = orjson.loads(data)  # its error is a ValueError
    if check_depth(value) != _count_keys(data):
        raise ValueError("a key stands there twice")
    return value


def _count_keys(data: bytes) -> int:
    """How many keys stand in what is JSON: as many as colons that are not within text."""
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return sum(part.count(b":") for part in without_escapes.split(b'"')[::2])
