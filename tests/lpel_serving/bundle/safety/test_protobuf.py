import pytest

from lpel_serving.bundle.safety.protobuf import FIXED32, FIXED64, LENGTH, VARINT, WireError, fields
from support.hostile import message, varint


def read(data: bytes):
    return [
        (number, wire, bytes(value) if isinstance(value, memoryview) else value)
        for number, wire, value in fields(memoryview(data))
    ]


def test_fields_of_every_kind_are_read():
    data = (
        bytes([1 << 3 | VARINT]) + varint(300)
        + message(2, b"text")
        + bytes([3 << 3 | FIXED32]) + b"1234"
        + bytes([4 << 3 | FIXED64]) + b"12345678"
        + message(5000, b"")
    )  # fmt: skip
    assert read(data) == [
        (1, VARINT, 300),
        (2, LENGTH, b"text"),
        (3, FIXED32, b"1234"),
        (4, FIXED64, b"12345678"),
        (5000, LENGTH, b""),
    ]


def test_values_are_views_and_not_copies():
    data = bytearray(message(2, b"text"))
    ((_, _, value),) = fields(memoryview(data))
    data[-1] = ord("!")
    assert bytes(value) == b"tex!"


def test_the_largest_varint_is_read():
    assert read(b"\x08" + varint(2**64 - 1)) == [(1, VARINT, 2**64 - 1)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x08", "end too early"),
        (b"\x08\x80", "end too early"),
        (b"\x12\x05text", "end too early"),
        (b"\x12" + varint(2**63), "end too early"),
        (b"\x1d123", "end too early"),
        (b"\x211234567", "end too early"),
        (b"\x0b", "wire type 3"),
        (b"\x0c", "wire type 4"),
        (b"\x0e", "wire type 6"),
        (varint(2**32 | 1 << 3) + b"\1", "larger than protobuf knows"),
        (b"\x08" + b"\x80" * 10 + b"\1", "more than 64 bits"),
    ],
)
def test_what_is_no_message_is_refused(data, words):
    with pytest.raises(WireError, match=words):
        read(data)
