"""Pictures in many formats, what the page does with one, and what it sends of it."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import expect

from lpel_serving.images.reading import read_pixels
from support.page.acting import array, choose, decided, record

WATCH = """() => {
    const send = window.fetch;
    window.fetch = (path, options) => {
        if (options.body) window.sent = options.body;
        return send(path, options);
    };
}"""
SENT = """async (role) => {
    const bytes = new Uint8Array(await window.sent.get(role).arrayBuffer());
    let text = "";
    for (let from = 0; from < bytes.length; from += 32768)
        text += String.fromCharCode(...bytes.subarray(from, from + 32768));
    return btoa(text);
}"""
_TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


def smooth(height, width, shift=0):
    """A picture without noise, as photographs are."""
    down, along = np.mgrid[:height, :width].astype(np.float32) * (9 / max(height, width)) + shift
    waves = [np.sin(down), np.cos(along), np.sin(down + along)]
    return np.stack([np.uint8(wave * 100 + 128) for wave in waves], 2)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


STILL = Image.fromarray(smooth(40, 30))
NEXT = Image.fromarray(smooth(40, 30, 2))
ALPHA = STILL.copy()
ALPHA.putalpha(Image.fromarray(np.uint8(np.mgrid[:40, :30][1] * 8)))
TURNED = 6
"""EXIF: to be turned by a quarter."""


def written(image, kind, **how):
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def turned():
    """How a picture is written that is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return {"exif": exif}


def exchanged_colours():
    """A colour profile whose red is green: whoever heeds it shows another picture."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")


def moving(kind, **how):
    return written(STILL, kind, save_all=True, append_images=[NEXT], **how)


def piece(name, content):
    """A chunk of a PNG."""
    size, check = len(content), zlib.crc32(name + content)
    return struct.pack(">I", size) + name + content + struct.pack(">I", check)


def bomb(side):
    """A PNG of black pixels, (side, side), in a few kilobytes."""
    squeezed = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(squeezed.compress(row * 100) for _ in range(side // 100)) + squeezed.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pieces = piece(b"IHDR", head) + piece(b"IDAT", data) + piece(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + pieces


def first_picture(data):
    """The first picture in a file, as Pillow reads it: upright, laid on white."""
    with Image.open(io.BytesIO(data)) as opened_file:
        opened_file.seek(0)
        return read_pixels(written(opened_file.convert("RGBA"), "PNG", **oriented(opened_file)))


def oriented(image):
    exif = image.getexif()
    return {"exif": exif} if exif.get(0x0112, 1) != 1 else {}


def chooser(page, folder):
    """Compare a still picture with another, the largest square of each; say what was done to it."""
    page.select_option("#crop", "1")
    first = folder / "first.png"
    first.write_bytes(written(STILL, "PNG"))
    choose(page, "reference", first)
    page.evaluate(WATCH)

    def choose_test(name, data):
        path = folder / name
        path.write_bytes(data)
        choose(page, "test", path)
        expect(page.locator("[data-role=test] .name")).to_have_text(name)
        decided(page)
        return done(page, "test"), record(page)

    return choose_test


def done(page, role):
    return page.locator(f"[data-role={role}] .done").inner_text()


def sent(page, role):
    return base64.b64decode(page.evaluate(SENT, role))


def agree(found, expected, within=0.0):
    """The page's answer is the engine's."""
    assert found["similarity"] == pytest.approx(expected.similarity, abs=within)
    heat_map = array(found["explanations"]["test"]["heat_map"])
    np.testing.assert_allclose(heat_map, expected.forward.heat_map, rtol=0, atol=within)


def smaller(of, to):
    return f"Made smaller: {of} to {to} pixels.".replace(" x ", _TIMES)
