"""Whatever picture the browser shows is taken: as its own file, or drawn to be one that is read."""

import base64
import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms
from playwright.sync_api import expect

from browser.acting import ROLES, array, choose, complaint, decided, posts, record
from browser.canvases import canvas
from browser.conftest import opened
from browser.serving import running
from lpel_serving import Explainer
from lpel_serving.http.settings import Limits, Settings
from lpel_serving.images import read_pixels
from runtimes.scene import NEAR
from support import bright
from support.bright import BrightSquares

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
COMPRESSED = 6
"""Of 255: what a JPEG of high quality may differ by from a picture without noise."""


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


def turned(image):
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return {"exif": exif.tobytes() if image == "AVIF" else exif}


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


@pytest.fixture
def chosen(page, tmp_path):
    """Compare a still picture with another; return what is said of the other, and the answer."""
    return chooser(page, tmp_path)


def chooser(page, folder):
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


def smaller(of, to):
    return f"Made smaller: {of} to {to} pixels.".replace(" x ", " \N{MULTIPLICATION SIGN} ")


def agree(found, expected, within=0.0):
    """The page's answer is the engine's."""
    assert found["similarity"] == pytest.approx(expected.similarity, abs=within)
    heat_map = array(found["explanations"]["test"]["heat_map"])
    np.testing.assert_allclose(heat_map, expected.forward.heat_map, rtol=0, atol=within)


KEPT = {
    "jpeg": written(STILL, "JPEG"),
    "turned jpeg": written(STILL, "JPEG", **turned("JPEG")),
    "cmyk": written(STILL.convert("CMYK"), "JPEG"),
    "16 bits": written(Image.fromarray(smooth(40, 30)[..., 0].astype(np.uint16) * 257), "PNG"),
    "grey and alpha": written(ALPHA.convert("LA"), "PNG"),
    "alpha": written(ALPHA, "PNG"),
    "palette": written(STILL.convert("P"), "PNG"),
    "webp": written(STILL, "WEBP"),
    "bmp": written(STILL, "BMP"),
    "one pixel": written(Image.fromarray(smooth(1, 1)), "PNG"),
    "a strip": written(Image.fromarray(smooth(10, 50_000)), "PNG"),
}


def test_files_that_the_server_reads_are_sent_untouched(page, chosen, engine):
    still = read_pixels(written(STILL, "PNG"))
    for name, data in KEPT.items():
        said, found = chosen(name, data)
        assert said == "", name
        assert sent(page, "test") == data, name
        agree(found, engine.explain(still, data))


DRAWN = {
    "avif": (written(STILL, "AVIF", quality=90), "Converted from AVIF to PNG."),
    "turned avif": (
        written(STILL, "AVIF", quality=90, **turned("AVIF")),
        "Converted from AVIF to PNG.",
    ),
    "avif of other colours": (
        written(STILL, "AVIF", quality=90, icc_profile=exchanged_colours()),
        "Converted from AVIF to PNG.",
    ),
    "gif": (written(STILL, "GIF"), "Converted from GIF to PNG."),
    "transparent gif": (
        written(ALPHA.convert("P"), "GIF", transparency=0),
        "Converted from GIF to PNG.",
    ),
    "moving gif": (
        moving("GIF"),
        "It is animated: its first picture was taken. Converted from GIF to PNG.",
    ),
    "moving png": (moving("PNG"), "It is animated: its first picture was taken."),
    "moving webp": (
        moving("WEBP", lossless=True),
        "It is animated: its first picture was taken. Converted from WEBP to PNG.",
    ),
    "icon": (
        written(STILL, "ICO", sizes=[(30, 30)]),
        "Converted from ICO to PNG.",
    ),
}


def first_picture(data):
    """The first picture in a file, as Pillow reads it: upright, laid on white."""
    with Image.open(io.BytesIO(data)) as opened_file:
        opened_file.seek(0)
        return read_pixels(written(opened_file.convert("RGBA"), "PNG", **oriented(opened_file)))


def oriented(image):
    exif = image.getexif()
    return {"exif": exif} if exif.get(0x0112, 1) != 1 else {}


def test_what_the_browser_alone_shows_is_drawn(page, chosen, engine):
    still = read_pixels(written(STILL, "PNG"))
    for name, (data, says) in DRAWN.items():
        said, found = chosen(name, data)
        assert said == says, name
        expected = first_picture(data)
        np.testing.assert_array_equal(read_pixels(sent(page, "test")), expected, err_msg=name)
        agree(found, engine.explain(still, expected))
    assert page.is_visible("[data-role=test] .done")
    page.click("#swap")
    decided(page)
    assert (done(page, "reference"), done(page, "test")) == (DRAWN["icon"][1], "")


@pytest.mark.network
def test_nothing_is_sent_of_what_the_browser_draws_for_itself(page, chosen, engine):
    page.check("#here")
    still = read_pixels(written(STILL, "PNG"))
    for name in ("avif", "moving gif", "moving png"):
        data, says = DRAWN[name]
        said, found = chosen(name, data)
        assert says.startswith(said)
        assert "Converted" not in said
        agree(found, engine.explain(still, first_picture(data)), NEAR)
    assert posts(page) == []
    page.uncheck("#here")
    decided(page)
    assert done(page, "test") == DRAWN["moving png"][1]
    assert len(posts(page)) == 1


DAMAGED = (
    "{} is not a picture that this browser can open: it is damaged or incomplete, or too large."
)
OTHERWISE = (
    "{} is a picture of the kind {}, which this browser cannot open. "
    "Save it as JPEG or PNG, and choose that."
)
DRAWING = "{} is a drawing (SVG), not a photograph. Save it as PNG, and choose that."
BOMB = "{} has 400 million pixels. More than 128 million are not opened here: make it smaller."
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50)
REFUSED = {
    "empty.png": (b"", "{} is empty: the file holds nothing."),
    "drawing.svg": (SVG, DRAWING),
    "drawing.png": (SVG, DRAWING),
    "photo.heic": (HEIC, OTHERWISE.format("{}", "HEIC")),
    "scan.tif": (written(STILL, "TIFF"), OTHERWISE.format("{}", "TIFF")),
    "plain.ppm": (written(STILL, "PPM"), OTHERWISE.format("{}", "PPM")),
    "half.jpg": (written(STILL, "JPEG")[:-300], DAMAGED),
    "half.gif": (moving("GIF")[:200], DAMAGED),
    "bomb.png": (bomb(20_000), BOMB),
    "larger.png": (bomb(30_000), DAMAGED),
}


def test_what_cannot_be_opened_is_refused_with_what_to_do(page, chosen, tmp_path):
    for name, (data, says) in REFUSED.items():
        (tmp_path / name).write_bytes(data)
        choose(page, "test", tmp_path / name)
        expect(page.locator("[data-role=test] .complaint")).to_have_text(says.format(name))
        assert done(page, "test") == ""
    assert posts(page) == []
    assert chosen("then.png", KEPT["alpha"])[0] == ""  # the page lives


def test_more_pixels_than_the_server_decodes_are_made_fewer(page, chosen, engine):
    little = Image.fromarray(smooth(500, 600))
    large = written(little.resize((6000, 5000)), "JPEG", quality=90)
    said, found = chosen("large.jpg", large)
    assert said == smaller("6,000 x 5,000", "4,486 x 3,739")
    pixels = read_pixels(sent(page, "test"))
    assert pixels.shape == (3739, 4486, 3)
    expected = np.asarray(little.resize((4486, 3739)))
    assert np.abs(pixels[::9].astype(int) - expected[::9]).max() <= COMPRESSED
    still = read_pixels(written(STILL, "PNG"))
    agree(found, engine.explain(still, np.asarray(little)[:, 50:550]), 0.02)


@pytest.fixture
def small(chromium, settings, tmp_path):
    """A page whose server takes little: 30 by 40 pixels, and a few kilobytes."""
    limits = Limits(request_bytes=4096 + 6000, pixels=1200)
    with (
        running(replace(settings, limits=limits)) as address,
        opened(chromium, address) as page,
    ):
        yield page
        assert page.complaints == []


def test_a_turned_picture_is_made_smaller_upright(small, tmp_path):
    choose_test = chooser(small, tmp_path)
    large = Image.fromarray(smooth(120, 90))
    said, _ = choose_test("turned.jpg", written(large, "JPEG", quality=95, **turned("JPEG")))
    assert said == smaller("120 x 90", "40 x 30") + " Converted from JPEG to PNG."
    pixels = read_pixels(sent(small, "test")).astype(int)
    upright = large.transpose(Image.Transpose.ROTATE_270).resize((40, 30))
    assert np.abs(pixels - np.asarray(upright)).max() <= 2 * COMPRESSED


def test_files_that_are_too_large_together(small, tmp_path):
    choose_test = chooser(small, tmp_path)
    first = written(STILL, "PNG")
    room = 6000
    noisy = written(Image.fromarray(noise(40, 30)), "PNG")
    assert len(first) + len(noisy) < room
    said, _ = choose_test("noisy.png", noisy)
    assert (said, sent(small, "test")) == ("", noisy)
    padded = noisy[:33] + piece(b"tEXt", bytes(room)) + noisy[33:]
    said, _ = choose_test("padded.png", padded)
    assert said == "Saved anew as PNG, to need less room."
    assert len(sent(small, "test")) <= room - len(first)
    np.testing.assert_array_equal(read_pixels(sent(small, "test")), noise(40, 30))
    assert sent(small, "reference") == first
    (tmp_path / "other.png").write_bytes(noisy)
    choose(small, "reference", tmp_path / "other.png")
    expect(small.locator("[data-role=reference] .name")).to_have_text("other.png")
    decided(small)
    both = [sent(small, role) for role in ROLES]
    assert sum(map(len, both)) <= room
    assert both[1].startswith(b"\xff\xd8")
    assert "Converted from PNG to JPEG" in done(small, "test")
    choose(small, "reference", tmp_path / "first.png")
    expect(small.locator("[data-role=reference] .name")).to_have_text("first.png")
    decided(small)
    assert done(small, "test") == "Saved anew as PNG, to need less room."


def test_a_server_that_takes_too_little(chromium, settings, tmp_path):
    limits = Limits(request_bytes=4096 + 500)
    with running(replace(settings, limits=limits)) as address, opened(chromium, address) as page:
        (tmp_path / "one.png").write_bytes(written(STILL, "PNG"))
        (tmp_path / "two.png").write_bytes(written(Image.fromarray(noise(40, 30)), "PNG"))
        choose(page, "reference", tmp_path / "one.png", tmp_path / "two.png")
        assert "cannot be made small enough" in complaint(page, "test")
        assert posts(page) == []
        assert page.complaints == []


def test_boxes_of_found_faces_fit_a_picture_that_was_made_smaller(chromium, bundle, tmp_path):
    height, width = bright.TWO.shape[:2]
    large = np.kron(bright.TWO, np.ones((4, 4, 1), np.uint8))
    first = bright.save(tmp_path / "one.png", bright.ONE)
    second = bright.save(tmp_path / "two.png", large)
    crops = {bright.NAME: BrightSquares()}
    limits = Limits(pixels=height * width)
    engine = Explainer.load(bundle, crop=BrightSquares())
    with (
        running(Settings(bundle, crops=crops, limits=limits)) as address,
        opened(chromium, address) as page,
    ):
        page.select_option("#crop", bright.NAME)
        page.evaluate(WATCH)
        choose(page, "reference", first, second)
        decided(page)
        assert done(page, "test").startswith(smaller("320 x 240", "80 x 60"))
        assert record(page)["faces"]["test"]["count"] == 2
        seen = read_pixels(sent(page, "test"))
        assert record(page)["faces"]["test"]["boxes"] == [
            {"left": box.left, "top": box.top, "right": box.right, "bottom": box.bottom}
            for box in engine.explain(first, seen).found[1].boxes
        ]
        drawn = canvas(page, "test", "found")
        scale = drawn.shape[1] / width
        line = drawn[int(30 * scale), (np.arange(width) * scale).astype(int), 0]
        assert line[4] == line[36] == 255  # both sides of the box that was taken
        box = page.locator("[data-role=test] .found canvas").bounding_box()
        share_x, share_y = 58 / width, 28 / height  # in the second one
        page.mouse.click(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])
        caption = page.locator("[data-role=test] .found figcaption")
        expect(caption).to_have_text("2 faces found; the second largest was taken.")
        assert page.complaints == []


def test_a_transparent_picture_lies_on_white_wherever_it_is_drawn(chromium, address, tmp_path):
    (tmp_path / "clear.png").write_bytes(written(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"))
    with opened(chromium, address, color_scheme="dark") as page:
        choose(page, "reference", tmp_path / "clear.png")
        expect(page.locator("[data-role=reference] .name")).to_have_text("clear.png")
        assert (canvas(page, "reference", "overlay") == 255).all()
