"""Pictures that are more than the server takes are made smaller, and the page says so."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving import Explainer
from lpel_serving.images.reading import read_pixels
from lpel_serving.service.http.settings import Limits, Settings
from lpel_serving.support.image_shape import square
from support import bright
from support.bright import BrightSquares
from support.page.acting import ROLES, choose, complaint, decided, posts, record
from support.page.canvases import canvas
from support.page.odd_pictures import (
    STILL,
    WATCH,
    agree,
    chooser,
    done,
    moving,
    noise,
    piece,
    sent,
    smaller,
    smooth,
    turned,
    written,
)
from support.page.opening import opened
from support.page.serving import running

COMPRESSED = 6
"""Of 255: what a JPEG of high quality may differ by from a picture without noise."""


@pytest.fixture(scope="module")
def engine(bundle):
    """It takes the largest square of a picture, as `chooser` has the page do."""
    return Explainer.load(bundle, crop="1")


def test_more_pixels_than_the_server_decodes_are_made_fewer(page, tmp_path, engine):
    little = Image.fromarray(smooth(500, 600))
    large = written(little.resize((6000, 5000)), "JPEG", quality=90)
    said, found = chooser(page, tmp_path)("large.jpg", large)
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
    said, _ = choose_test("turned.jpg", written(large, "JPEG", quality=95, **turned()))
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
        page.evaluate("void (OffscreenCanvas.prototype.convertToBlob = () => Promise.reject())")
        (tmp_path / "moves.png").write_bytes(moving("PNG"))
        choose(page, "test", tmp_path / "moves.png")
        expect(page.locator("[data-role=test] .complaint")).to_have_text(
            "moves.png cannot be converted by this browser. Make it smaller, or save it as JPEG."
        )
        assert posts(page) == []
        assert page.complaints == []


COUNT = """() => {
    const decode = window.createImageBitmap;
    [window.decoding, window.most] = [0, 0];
    window.createImageBitmap = async (...asked) => {
        if (asked[0].constructor === Blob) return decode(...asked); // a small crop of an answer
        window.most = Math.max(window.most, ++window.decoding);
        return decode(...asked).finally(() => window.decoding--);
    };
}"""


def test_one_picture_is_decoded_at_a_time(small, tmp_path):
    small.evaluate(COUNT)
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for shift, file in enumerate(files):
        file.write_bytes(written(Image.fromarray(smooth(500, 500, shift)), "PNG"))
    choose(small, "reference", *files)
    expect(small.locator("[data-role=test] .done")).to_contain_text("Made smaller")
    expect(small.locator("[data-role=reference] .done")).to_contain_text("Made smaller")
    assert small.evaluate("window.most") == 1
    decided(small)


def large_two():
    """`bright.TWO`, four times as large, on a ground that no file holds in few bytes."""
    large = np.kron(bright.TWO >= bright.BRIGHT, np.ones((4, 4, 1), np.uint8))
    return np.where(large, np.uint8(255), noise(*large.shape[:2]) // 4)


@pytest.mark.parametrize(
    "limits", [Limits(pixels=80 * 60), Limits(request_bytes=12_000)], ids=["pixels", "bytes"]
)
def test_boxes_of_found_faces_fit_a_picture_that_was_made_smaller(
    chromium, bundle, tmp_path, limits
):
    height, width = bright.TWO.shape[:2]
    first = bright.save(tmp_path / "one.png", bright.ONE)
    second = bright.save(tmp_path / "two.png", large_two())
    crops = {bright.NAME: BrightSquares()}
    with (
        running(Settings(bundle, crops=crops, limits=limits)) as address,
        opened(chromium, address) as page,
    ):
        page.select_option("#crop", bright.NAME)
        page.evaluate(WATCH)
        choose(page, "reference", first, second)
        decided(page)
        seen = read_pixels(sent(page, "test"))
        small = f"{seen.shape[1]} x {seen.shape[0]}"
        assert seen.shape[1] < 4 * width
        assert done(page, "test").startswith(smaller(f"{4 * width} x {4 * height}", small))
        found = record(page)
        assert found["prepared"] == {"reference": None, "test": done(page, "test")}
        boxes = [vars(box) for box in BrightSquares().take(seen, square(16)).found.boxes]
        assert found["faces"]["test"]["boxes"] == boxes
        drawn = canvas(page, "test", "found")
        scale = drawn.shape[1] / width
        line = drawn[int(30 * scale), (np.arange(width) * scale).astype(int), 0]
        assert min(line[[4, 36]]) > bright.BRIGHT  # both sides of the box that was taken
        assert np.median(line[[1, 2, 40, 44]]) < 80  # and outside it the ground
        box = page.locator("[data-role=test] .found canvas").bounding_box()
        share_x, share_y = 58 / width, 28 / height  # in the second one
        page.mouse.click(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])
        caption = page.locator("[data-role=test] .found figcaption")
        expect(caption).to_have_text("2 faces found; the second largest was taken.")
        assert page.complaints == []
