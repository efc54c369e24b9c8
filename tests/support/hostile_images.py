"""Images that no service should take: broken, misleading, or made to do harm."""

import struct
import zlib

import numpy as np
from PIL import Image

from support.image_parts import (
    PNG_START,
    bmp,
    chunk,
    encoded,
    png,
    segment,
    with_chunks,
    with_segments,
)
from support.images import pixels

PICTURE = Image.fromarray(pixels(0))
LARGE = Image.fromarray(np.kron(pixels(0), np.ones((4, 4, 1), np.uint8)))
JPEG, PNG = encoded(PICTURE, "JPEG"), encoded(PICTURE, "PNG")
PROGRESSIVE = encoded(PICTURE, "JPEG", progressive=True)

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "PPM")
SHARES = (0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


def _truncated() -> dict[str, bytes]:
    whole = {kind: encoded(LARGE, kind) for kind in KINDS}
    return {
        f"{kind} of which {share:.0%} are there": data[: int(share * len(data))]
        for kind, data in whole.items()
        for share in SHARES
    }


def _frames(kind: str) -> bytes:
    return encoded(PICTURE, kind, save_all=True, append_images=[Image.fromarray(pixels(1))])


def _size_in_jpeg(width: int, height: int) -> bytes:
    place = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:place] + struct.pack(">HH", height, width) + JPEG[place + 4 :]


def _box(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\0\0" + brand + b"mif1" + b"\0" * 200


def _last_scan() -> bytes:
    return PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]


NO_IMAGES = {
    "nothing but a line": b"\n",
    "text": b"not an image at all",
    "zeros": bytes(5000),
    "noise": np.random.default_rng(0).bytes(5000),
    "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
    "a zip": b"PK\3\4" + bytes(100),
    "a program": b"\x7fELF\2\1\1" + bytes(100),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "only the start of a JPEG": b"\xff\xd8\xff",
    "only the start of a PNG": PNG_START,
    "only the start of a WEBP": b"RIFF\xff\xff\xff\xffWEBP",
    "only the start of a BMP": b"BM",
    "only the start of a PPM": b"P6",
    "a JPEG without its first byte": JPEG[1:],
    "a JPEG as base64": b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD",
    "a PNG through a text filter": PNG.replace(b"\r\n", b"\n"),
}

OTHER_FORMATS = {
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "SVG with a declaration": b"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'b'>]><svg>&a;</svg>",
    "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 16, 16, 8, 3) + bytes(900),
    "HEIC": _box(b"heic"),
    "AVIF": _box(b"avif"),
    "JPEG XL": b"\xff\x0a" + bytes(100),
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(100),
    "XPM": b"/* XPM */ static char *a[] = {};",
    "a film": _box(b"isom"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n(/etc/passwd) (r) file\n",
    "MVG": b"push graphic-context\nfill 'url(https://127.0.0.1/)'\npop graphic-context",
    **{
        kind: encoded(PICTURE, kind)
        for kind in ("GIF", "TIFF", "EPS", "PDF", "ICO", "JPEG2000", "TGA", "PCX", "DDS", "SGI")
    },
}

MOVING = {f"a moving {kind}": _frames(kind) for kind in ("WEBP", "PNG", "GIF")}

EMPTY = {
    "PNG of no size": png(0, 0, 8, 2, b""),
    "PNG of no width": png(0, 5, 8, 2, b"\0" * 5),
    "PNG of no height": png(5, 0, 8, 2, b""),
    "JPEG of no height": _size_in_jpeg(16, 0),
    "JPEG of no width": _size_in_jpeg(0, 16),
    "BMP of no size": bmp(0, 0, 24, b""),
    "PPM of no size": b"P6 0 0 255\n",
}

DAMAGED = {
    "PNG whose sum is wrong": PNG[:40] + bytes([PNG[40] ^ 1]) + PNG[41:],
    "PNG without a header": PNG_START + PNG[33:],
    "PNG without rows": png(16, 16, 8, 2, b""),
    "PNG of another filter": png(1, 1, 8, 2, b"\x09abc"),
    "PNG of another compression": PNG_START + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\1\0\0"),
    "PNG of 3 bits": png(4, 4, 3, 0, bytes(100)),
    "PNG of another colour": png(4, 4, 8, 9, bytes(100)),
    "PNG with a chunk of 4 GB": with_chunks(PNG, b"\xff\xff\xff\xfftEXt" + bytes(20)),
    "PNG whose rows are no zlib": PNG_START
    + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0")
    + chunk(b"IDAT", b"x" * 50)
    + chunk(b"IEND"),
    "PNG with EXIF that breaks off": with_chunks(PNG, chunk(b"eXIf", b"II*\0\x08\0")),
    "PNG with EXIF of another kind": with_chunks(PNG, chunk(b"eXIf", b"XX*\0\x08\0\0\0")),
    "JPEG without tables": JPEG[:2] + JPEG[JPEG.index(b"\xff\xc0") :],
    "JPEG without scans": JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9",
    "JPEG of 12 bits": JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "JPEG of 9 channels": JPEG.replace(b"\x01\x22\0\x02\x11", b"\x01\x99\0\x02\x11"),
    "arithmetic JPEG of noise": JPEG.replace(b"\xff\xc0", b"\xff\xcf"),
    "WEBP whose length lies": b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(40),
    "BMP of 7 bits": bmp(4, 4, 7, bytes(100)),
    "BMP of another packing": bmp(4, 4, 24, bytes(100), packing=9),
    "BMP of which the run is too short": bmp(16, 16, 8, b"\0\1", packing=1, colours=256),
    "PPM with letters": b"P6 a b 255\nabc",
    "PPM of a negative size": b"P6 -1 -1 255\nabc",
    "PPM with a huge depth": b"P6 1 1 99999999999\nabc",
    "PPM with a depth of 0": b"P6 1 1 0\nabc",
    "text PPM beyond its depth": b"P3 1 1 255 256 0 0",
    "text PPM with a long number": b"P3 1 1 255 " + b"1" * 5000,
    "PPM of a header without end": b"P6 #" + b"x" * 5000,
    "grey PFM": b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5),
    "PFM of NaN": b"Pf\n1 1\nnan\n" + struct.pack("<f", float("nan")),
    "PFM of colours": b"PF\n1 1\n-1.0\n" + struct.pack("<3f", 0.5, float("inf"), float("nan")),
}


def _bombs() -> dict[str, bytes]:
    pixel = png(1, 1, 8, 2, b"\0abc")
    nothing = zlib.compress(bytes(100_000_000), 9)
    webp = struct.pack("<I", 0x3FFF - 1 | (0x3FFF - 1) << 14)
    return {
        "PNG of a billion pixels that are there": png(40_000, 30_000, 1, 0, bytes(150_030_000)),
        "PNG that is a pixel too large": png(24_000_001, 1, 1, 0, bytes(3_000_002)),
        "PNG of 30,000 x 30,000": png(30_000, 30_000, 8, 2, b""),
        "PNG of 2^31 - 1": png(2**31 - 1, 2**31 - 1, 8, 2, b""),
        "PNG of 2^32 - 1": png(2**32 - 1, 2**32 - 1, 8, 2, b""),
        "JPEG of 65,500 x 65,500": _size_in_jpeg(65_500, 65_500),
        "WEBP of 16,383 x 16,383": b"RIFF\x2c\0\0\0WEBPVP8L\x20\0\0\0\x2f" + webp + bytes(27),
        "BMP of 2^31 - 1": bmp(2**31 - 1, 2**31 - 1, 24, b""),
        "BMP of -2^31": bmp(100_000, -(2**31), 24, b""),
        "PPM of 10^8 x 10^8": b"P6 100000000 100000000 255\n",
        "PPM of a thousand digits": b"P6 " + b"9" * 1000 + b" 1 255\n",
        "packed profile": with_chunks(pixel, chunk(b"iCCP", b"a\0\0" + nothing)),
        "packed text": with_chunks(pixel, chunk(b"zTXt", b"a\0\0" + nothing)),
        "packed international text": with_chunks(pixel, chunk(b"iTXt", b"a\0\1\0\0\0" + nothing)),
        "many packed texts": with_chunks(
            pixel, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 9), 9)) * 99
        ),
        "JPEG of a thousand scans": PROGRESSIVE[:-2] + _last_scan() * 1000 + b"\xff\xd9",
        "JPEG of a thousand hidden scans": PROGRESSIVE[:-2]
        + b"\xff\x02\xff\xff"
        + _last_scan() * 1000
        + b"\xff\xd9",
        "JPEG of a million segments": with_segments(JPEG, [segment(0xEF) * 10**6]),
        "PNG of a million chunks": with_chunks(pixel, chunk(b"abCd") * 10**6),
        "PNG of a million empty stretches": pixel[:33] + chunk(b"IDAT") * 10**6 + pixel[33:],
        "text PPM of a million comments": b"P3 999 999 255\n" + b"#\n" * 10**6,
    }


BOMBS = _bombs()

REFUSED = {
    **_truncated(),
    **NO_IMAGES,
    **OTHER_FORMATS,
    **MOVING,
    **EMPTY,
    **DAMAGED,
    **BOMBS,
}
