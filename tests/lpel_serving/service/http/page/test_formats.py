"""Whatever picture the browser shows is taken: as its own file, or drawn to be one that is read."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving import Explainer
from lpel_serving.images.reading import read_pixels
from runtimes.scene import NEAR
from support.page.acting import choose, decided, posts
from support.page.canvases import canvas
from support.page.odd_pictures import (
    ALPHA,
    STILL,
    agree,
    bomb,
    chooser,
    done,
    exchanged_colours,
    first_picture,
    moving,
    sent,
    smooth,
    turned,
    written,
)
from support.page.opening import opened


@pytest.fixture(scope="module")
def engine(bundle):
    """It takes the largest square of a picture, as `chooser` has the page do."""
    return Explainer.load(bundle, crop="1")


@pytest.fixture
def chosen(page, tmp_path):
    """Compare a still picture with another; return what is said of the other, and the answer."""
    return chooser(page, tmp_path)


KEPT = {
    "jpeg": written(STILL, "JPEG"),
    "turned jpeg": written(STILL, "JPEG", **turned()),
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
        written(STILL, "AVIF", quality=90, **turned()),
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


def test_a_transparent_picture_lies_on_white_wherever_it_is_drawn(chromium, address, tmp_path):
    (tmp_path / "clear.png").write_bytes(written(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"))
    with opened(chromium, address, color_scheme="dark") as page:
        choose(page, "reference", tmp_path / "clear.png")
        expect(page.locator("[data-role=reference] .name")).to_have_text("clear.png")
        assert (canvas(page, "reference", "overlay") == 255).all()
