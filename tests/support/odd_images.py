"""Images that are unusual, but images: each with the pixels that it shows."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from support.image_parts import (
    bmp,
    chunk,
    encoded,
    exif,
    png,
    segment,
    turned,
    with_chunks,
    with_segments,
)
from support.images import pixels

SIDE = 16
SHOWN = pixels(0)
PICTURE = Image.fromarray(SHOWN)
GREY = SHOWN[:, :, 0]
WIDE = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
FLAT = np.full((SIDE, SIDE, 3), (200, 30, 40), np.uint8)
JPEG = encoded(Image.fromarray(FLAT), "JPEG", quality=95)
PNG = encoded(PICTURE, "PNG")
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True, "quality": 0}}

Odd = tuple[bytes, np.ndarray, int]
"""A file, the pixels of it that are seen, and by how much they may differ."""

_TO_BE_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.swapaxes(0, 1),
    6: np.rot90,
    7: lambda shown: shown[::-1, ::-1].swapaxes(0, 1),
    8: lambda shown: np.rot90(shown, -1),
}


def _rows(values: np.ndarray) -> bytes:
    """Rows of a PNG, none of them filtered."""
    big = np.ascontiguousarray(values, values.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big)


def _passes(values: np.ndarray) -> bytes:
    """The seven passes of an interlaced PNG."""
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    passes = [values[top::down, left::right] for top, left, down, right in (*steps, (1, 0, 2, 1))]
    return b"".join(_rows(one) for one in passes)


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, np.newaxis], 3, axis=2).astype(np.uint8)


def _turned() -> dict[str, Odd]:
    found: dict[str, Odd] = {}
    for orientation, store in _TO_BE_STORED.items():
        stored = Image.fromarray(np.ascontiguousarray(store(SHOWN)))
        for kind, options in LOSSLESS.items():
            data = encoded(stored, kind, exif=exif(turned(orientation)), **options)
            found[f"{kind} turned as {orientation}"] = (data, SHOWN, 0)
    upright = exif(turned(0)), exif(turned(9)), exif(turned(65535))
    for place, entries in enumerate(upright):
        found[f"no such turn, {place}"] = (encoded(PICTURE, "PNG", exif=entries), SHOWN, 0)
    return found


_ODD_EXIF = {
    "resolution in letters": (0x011A, 2, 4, b"abc\0"),
    "maker as a number": (0x010F, 12, 1, b"\0\0\0\0"),
    "folder in letters": (0x8769, 2, 4, b"abc\0"),
    "folder in itself": (0x8769, 4, 1, struct.pack("<I", 8)),
    "folder far outside": (0x8769, 4, 1, b"\xff\xff\xff\xff"),
    "four billion values": (0x0100, 3, 2**32 - 1, b"\0\0\0\0"),
    "value far outside": (0x010E, 2, 99, b"\xff\xff\xff\x7f"),
    "unknown type": (0x0101, 99, 1, b"\0\0\0\0"),
    "turn in letters": (0x0112, 2, 4, b"abc\0"),
    "turn in fractions by nothing": (0x0112, 5, 1, struct.pack("<I", 0)),
}


def _with_odd_exif() -> dict[str, Odd]:
    found = {
        f"EXIF: {name}": (encoded(PICTURE, "PNG", exif=exif(entry)), SHOWN, 0)
        for name, entry in _ODD_EXIF.items()
    }
    many = exif(*((tag, 3, 1, b"\0\0\0\0") for tag in range(60_000, 65_000)))
    breaking = with_chunks(PNG, chunk(b"eXIf", b"II*\0\x08\0\0\0\1"))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="999'
    return found | {
        "EXIF of 5,000 tags": (encoded(PICTURE, "PNG", exif=many), SHOWN, 0),
        "EXIF that breaks off": (breaking, SHOWN, 0),
        "two EXIF": (with_segments(JPEG, [segment(0xE1, exif(turned(1)))] * 2), FLAT, 4),
        "XMP that breaks off": (encoded(PICTURE, "WEBP", xmp=xmp, **LOSSLESS["WEBP"]), SHOWN, 0),
    }


def _ycck() -> Odd:
    """A JPEG whose four channels are luminance, two colours, and black."""
    channels = np.full((SIDE, SIDE, 4), (90, 120, 200, 230), np.uint8)
    data = encoded(Image.fromarray(255 - channels, "CMYK"), "JPEG", quality=100, subsampling=0)
    place = data.index(b"Adobe") + 11
    y, blue, red, black = (int(value) for value in channels[0, 0])
    rgb = np.array(
        [
            y + 1.402 * (red - 128),
            y - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
            y + 1.772 * (blue - 128),
        ]
    ).clip(0, 255)
    shown = black * (1 - rgb / 255)
    return data[:place] + b"\2" + data[place + 1 :], np.broadcast_to(shown, FLAT.shape), 6


def _depths() -> dict[str, Odd]:
    colours = np.stack([WIDE, WIDE.T, WIDE[::-1]], axis=2)
    wide = ((WIDE.astype(np.uint32) + 128) // 257).astype(np.uint8)
    bits = GREY > 127
    cmyk = Image.fromarray(FLAT).convert("CMYK")
    grey_jpeg = encoded(Image.fromarray(FLAT[:, :, 0]), "JPEG")
    return {
        "16-bit grey": (png(SIDE, SIDE, 16, 0, _rows(WIDE)), _grey(wide), 0),
        "16-bit colours": (png(SIDE, SIDE, 16, 2, _rows(colours)), colours >> 8, 0),
        "16-bit PGM": (b"P5 16 16 65535 " + WIDE.astype(">u2").tobytes(), _grey(wide), 0),
        "interlaced PNG": (png(SIDE, SIDE, 8, 2, _passes(SHOWN), interlaced=1), SHOWN, 0),
        "8-bit grey": (png(SIDE, SIDE, 8, 0, _rows(GREY)), _grey(GREY), 0),
        "4-bit grey": (
            png(SIDE, SIDE, 4, 0, _rows(GREY[:, ::2] >> 4 << 4 | GREY[:, 1::2] >> 4)),
            _grey((GREY >> 4) * 17),
            0,
        ),
        "1-bit PNG": (
            png(SIDE, SIDE, 1, 0, _rows(np.packbits(bits, axis=1))),
            _grey(bits * np.uint8(255)),
            0,
        ),
        "1-bit PBM": (
            b"P4 16 16 " + np.packbits(~bits, axis=1).tobytes(),
            _grey(bits * np.uint8(255)),
            0,
        ),
        "grey JPEG": (grey_jpeg, _grey(FLAT[:, :, 0]), 3),
        "CMYK JPEG": (encoded(cmyk, "JPEG", quality=100), FLAT, 4),
        "YCCK JPEG": _ycck(),
        "progressive JPEG": (encoded(Image.fromarray(FLAT), "JPEG", progressive=True), FLAT, 4),
        "text PPM": (b"P3 16 16 255\n# a face\n" + _as_text(SHOWN), SHOWN, 0),
        "text PGM": (b"P2 16 16 255 " + _as_text(GREY), _grey(GREY), 0),
        "text PBM": (b"P1 16 16 " + _as_text(~bits), _grey(bits * np.uint8(255)), 0),
        "BMP of a palette": (
            bmp(SIDE, SIDE, 8, GREY[::-1].tobytes(), colours=256),
            _grey(GREY),
            0,
        ),
        "BMP upside down": (bmp(SIDE, -SIDE, 8, GREY.tobytes(), colours=256), _grey(GREY), 0),
        "BMP in runs": (
            bmp(SIDE, SIDE, 8, b"\x10\x80\0\0" * SIDE + b"\0\1", packing=1, colours=256),
            _grey(np.full((SIDE, SIDE), 0x80)),
            0,
        ),
    }


def _as_text(values: np.ndarray) -> bytes:
    return b" ".join(b"%d" % value for value in values.reshape(-1).tolist())


def _transparent() -> dict[str, Odd]:
    clear = np.zeros((SIDE, SIDE), np.uint8)
    clear[:, 8:] = 255
    on_white = np.where(clear[:, :, np.newaxis] > 0, SHOWN, np.uint8(255))
    grey_on_white = np.where(clear > 0, GREY, np.uint8(255))
    with_alpha = Image.fromarray(np.dstack([SHOWN, clear]))
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])) + chunk(b"tRNS", b"\0")
    indices = (clear > 0).astype(np.uint8)
    from_palette = np.where(indices[:, :, np.newaxis] > 0, (40, 50, 60), 255)
    return {
        "RGBA PNG": (encoded(with_alpha, "PNG"), on_white, 0),
        "RGBA WEBP": (encoded(with_alpha, "WEBP", exact=True, **LOSSLESS["WEBP"]), on_white, 0),
        "grey PNG with alpha": (
            png(SIDE, SIDE, 8, 4, _rows(np.dstack([GREY, clear]))),
            _grey(grey_on_white),
            0,
        ),
        "palette with a clear colour": (
            png(SIDE, SIDE, 8, 3, _rows(indices), palette),
            from_palette,
            0,
        ),
        "all clear": (encoded(Image.new("RGBA", (SIDE, SIDE)), "PNG"), np.full_like(SHOWN, 255), 0),
    }


def _polyglots() -> dict[str, Odd]:
    script = b"<html><script>alert(document.domain)</script>"
    info = PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    archive = b"PK\3\4" + bytes(26) + b"PK\5\6" + bytes(18)
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1000)))
    second = Image.fromarray(pixels(1))
    flat = Image.fromarray(FLAT)
    return {
        "JPEG with HTML": (with_segments(JPEG, [segment(0xFE, script)]), FLAT, 4),
        "JPEG with a script": (with_segments(JPEG, [segment(0xE0, b"*/=1;alert(1)/*")]), FLAT, 4),
        "JPEG and a zip": (JPEG + archive, FLAT, 4),
        "JPEG and HTML": (JPEG + script, FLAT, 4),
        "PNG with HTML": (encoded(PICTURE, "PNG", pnginfo=info), SHOWN, 0),
        "PNG and a zip": (PNG + archive, SHOWN, 0),
        "PNG and a program": (PNG + b"\x7fELF" + bytes(999), SHOWN, 0),
        "PNG and itself": (PNG + PNG, SHOWN, 0),
        "BMP and more": (encoded(PICTURE, "BMP") + script, SHOWN, 0),
        "PPM and more": (encoded(PICTURE, "PPM") + script, SHOWN, 0),
        "PNG with a wrong profile": (with_chunks(PNG, profile), SHOWN, 0),
        "PNG with the wrong gamma": (with_chunks(PNG, chunk(b"gAMA", bytes(4))), SHOWN, 0),
        "PNG with a private chunk": (with_chunks(PNG, chunk(b"prVt", script)), SHOWN, 0),
        "several pictures in a JPEG": (
            encoded(flat, "MPO", save_all=True, append_images=[second], quality=95),
            FLAT,
            4,
        ),
        "JPEG with a thousand fill bytes": (JPEG[:2] + b"\xff" * 1000 + JPEG[2:], FLAT, 4),
    }


def _narrow() -> dict[str, Odd]:
    """Of what is long and narrow the middle pixel is seen, as large as the network wants it."""
    line = np.full((1, 5001, 3), 7, np.uint8)
    line[0, 2500] = (200, 30, 40)
    return {
        "1 x 5,001": (encoded(Image.fromarray(line.swapaxes(0, 1)), "PNG"), FLAT, 0),
        "5,001 x 1": (encoded(Image.fromarray(line), "PNG"), FLAT, 0),
        "one pixel": (encoded(Image.fromarray(FLAT[:1, :1]), "PNG"), FLAT, 0),
    }


ODD: dict[str, Odd] = {
    **_turned(),
    **_with_odd_exif(),
    **_depths(),
    **_transparent(),
    **_polyglots(),
    **_narrow(),
}
