"""Protobuf's wire format: the fields of a message, without any schema."""

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""The wire types in use."""

_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """Bytes are no protobuf message."""


def fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, wire type and value of each field; values but varints as views, not copies.

    Raises
    ------
    WireError
        If the bytes are no message.
    """
    at = 0
    try:
        while at < len(message):
            key, at = _varint(message, at)
            if key > 0xFFFFFFFF:  # protobuf reads keys modulo 2**32: a larger one hides a field
                raise WireError(f"a field has the key {key}, larger than protobuf knows")
            number, wire = key >> 3, key & 7
            if wire == VARINT:
                value, at = _varint(message, at)
                yield number, wire, value
                continue
            if wire == LENGTH:
                size, at = _varint(message, at)
            elif wire in _SIZES:
                size = _SIZES[wire]
            else:
                raise WireError(f"a field has the wire type {wire}, which is not in use")
            if size > len(message) - at:
                raise WireError("its bytes end too early")
            yield number, wire, message[at : at + size]
            at += size
    except IndexError as error:
        raise WireError("its bytes end too early") from error


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    if message[at] < 0x80:  # most are that short
        return message[at], at + 1
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise WireError("a number has more than 64 bits")
