"""Image files put together by hand, which need not hold what they claim."""

import io
import struct
import zlib
from collections.abc import Iterable

from PIL import Image

PNG_START = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112

Entry = tuple[int, int, int, bytes]
"""Of EXIF: tag, type, count, four bytes of value or of where it stands."""


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes, interlaced: int = 0
) -> bytes:
    """A PNG of filtered rows, with more chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows, 9))]
    return PNG_START + b"".join(chunks) + chunk(b"IEND")


def with_chunks(data: bytes, *more: bytes) -> bytes:
    """Put chunks into a PNG, behind its header."""
    end = len(PNG_START) + 25
    return data[:end] + b"".join(more) + data[end:]


def with_right_sums(data: bytes) -> bytes:
    """Write the checksums of a PNG's chunks anew, as far as there are any."""
    parts, place = [data[: len(PNG_START)]], len(PNG_START)
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if end + 4 > len(data):
            break
        parts += [data[place:end], struct.pack(">I", zlib.crc32(data[place + 4 : end]))]
        place = end + 4
    return b"".join([*parts, data[place:]])


def segment(kind: int, data: bytes = b"") -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, kind]) + struct.pack(">H", len(data) + 2) + data


def with_segments(data: bytes, more: Iterable[bytes]) -> bytes:
    """Put segments into a JPEG, behind its first two bytes."""
    return data[:2] + b"".join(more) + data[2:]


def exif(*entries: Entry) -> bytes:
    """EXIF of entries, whether they make sense or not."""
    fields = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + fields + struct.pack("<I", 0)


def turned(orientation: int) -> Entry:
    return (ORIENTATION, 3, 1, struct.pack("<HH", orientation, 0))


def bmp(
    width: int, height: int, bits: int, data: bytes, packing: int = 0, colours: int = 0
) -> bytes:
    """A BMP; of colours it has greys."""
    palette = b"".join(bytes([grey, grey, grey, 0]) for grey in range(colours))
    start = 54 + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(data), 0, 0, colours, 0
    )
    return head + info + palette + data
