"""Decoding cost: detects images crafted to take long, before they are decoded.

The number of pixels bounds most of the work, and is checked where images are read. It does not
bound the number of passes that a decoder makes over them.
"""

import re

MAX_PIECES = 20_000
"""Segments of a JPEG, or chunks of a PNG: cameras make dozens, their largest pictures thousands."""
MAX_SCANS = 64
"""Scans of a JPEG: each is a pass over the whole picture, and can be 40 bytes long."""
MAX_COMMENTS = 100
"""Comments of a text PPM: for each, Pillow moves all that is behind it."""

_JPEG, _PNG, _TEXT_PPM = b"\xff\xd8", b"\x89PNG\r\n\x1a\n", (b"P1", b"P2", b"P3")
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FIRST, _START, _END, _SCAN = 0xC0, 0xD8, 0xD9, 0xDA


def is_costly(data: bytes) -> bool:
    """Whether a file would take far longer to decode than its pixels need."""
    if data.startswith(_JPEG):
        return _is_costly_jpeg(data)
    if data.startswith(_PNG):
        return _is_costly_png(data)
    return data.startswith(_TEXT_PPM) and data.count(b"#") > MAX_COMMENTS


def _is_costly_jpeg(data: bytes) -> bool:
    """Count segments and scans as libjpeg meets them, up to the end of the first picture."""
    place, pieces, scans = len(_JPEG), 0, 0
    while pieces <= MAX_PIECES and scans <= MAX_SCANS:
        marker = _MARKER.search(data, place)
        if marker is None or (kind := marker[0][1]) == _END:
            return False
        pieces += 1
        scans += kind == _SCAN
        place = marker.end()
        if kind >= _FIRST and kind != _START:  # a segment, whose content holds no markers
            place += int.from_bytes(data[place : place + 2])
    return True


def _is_costly_png(data: bytes) -> bool:
    place, pieces = len(_PNG), 0
    while place < len(data) and pieces <= MAX_PIECES:
        place += 12 + int.from_bytes(data[place : place + 4])
        pieces += 1
    return pieces > MAX_PIECES
