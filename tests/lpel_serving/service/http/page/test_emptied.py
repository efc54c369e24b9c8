"""A card shows its own picture or none: nothing of a pair stays when its words are taken back."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving.service.http.settings import Settings
from support import bright
from support.bright import BrightSquares
from support.page.acting import ROLES, choose, decided, drop, take_sample
from support.page.opening import CROPS, opened
from support.page.serving import running

DRAWN = """(selector) => {
    const drawn = (canvas) => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const context = copy.getContext("2d", { willReadFrequently: true });
        context.drawImage(canvas, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        return data.some((value) => value > 0);
    };
    return [...document.querySelectorAll(`${selector} canvas`)].map(drawn);
}"""
"""Whether anything is drawn, at all, in each of a card's canvases."""
OVERLAY = [True, False, False, False, False]
"""A face of which nothing is known: its picture alone, in the first of the canvases."""
NOTHING = [False] * 5


def card(role):
    return f"[data-role={role}]"


def drawn(page, role):
    return page.evaluate(DRAWN, card(role))


def shot(page, selector):
    """The pixels of what is seen of an element."""
    found = page.locator(selector).screenshot(animations="disabled")
    return np.asarray(Image.open(io.BytesIO(found)).convert("RGB"))


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no picture")
    return path


@pytest.fixture
def empty(page):
    """What is seen of a card before anything was chosen."""
    return shot(page, "[data-role=reference] .choose")


def assert_emptied(page, role, empty):
    assert drawn(page, role) == NOTHING
    assert page.inner_text(f"{card(role)} .name") == ""
    np.testing.assert_array_equal(shot(page, f"{card(role)} .choose"), empty)


def test_a_file_that_is_refused_takes_the_face_before_it_away(empty, page, pictures, notes):
    choose(page, "reference", *pictures[:2])
    decided(page)
    assert drawn(page, "reference") == [True, True, True, True, False]
    choose(page, "reference", notes)
    page.wait_for_selector(f"{card('reference')} .complaint span")
    assert_emptied(page, "reference", empty)
    assert drawn(page, "test") == OVERLAY
    choose(page, "reference", pictures[2])
    decided(page)
    assert drawn(page, "reference")[:4] == [True] * 4


def test_swapping_one_face_empties_its_place(empty, page, pictures):
    choose(page, "reference", pictures[0])
    page.wait_for_selector(f"{card('reference')}:not(.empty)")
    before = picture(page, "reference")
    page.click("#swap")
    page.mouse.move(0, 0)
    assert_emptied(page, "reference", empty)
    assert drawn(page, "test") == OVERLAY
    assert picture(page, "test") == before


def picture(page, role):
    """What is drawn of a face, its map and all."""
    return page.eval_on_selector(f"{card(role)} .overlay", "(canvas) => canvas.toDataURL()")


def previews(page):
    return [picture(page, role) for role in ROLES]


def assert_as_before_the_answer(page, before):
    """Both pictures alone: no map over them, nothing beside them, no words."""
    assert [drawn(page, role) for role in ROLES] == [OVERLAY, OVERLAY]
    assert previews(page) == before
    for what in ("#answer", "#parts", "#belief", "#saving", "#reading", ".strip >> nth=0"):
        assert not page.is_visible(what)


@pytest.fixture
def waiting(page, pictures):
    """Two faces that the server is asked about; they look as before anything is known."""
    page.route("**/v1/explain", lambda route: None)
    choose(page, "reference", *pictures[:2])
    page.wait_for_selector("#stop:visible")
    page.before = previews(page)
    page.click("#stop")
    page.unroute("**/v1/explain")
    return page


def fail_anew(page):
    """Ask once more, and have no answer."""
    page.route("**/v1/explain", lambda route: route.abort())
    page.click("#again")
    page.wait_for_selector("#status.failed:not(:text('Stopped.'))")


def test_nothing_is_shown_after_a_stop_of_the_first_question(waiting):
    expect(waiting.locator("#status")).to_have_text("Stopped.")
    assert_as_before_the_answer(waiting, waiting.before)


def test_nothing_is_shown_after_a_failure_of_the_first_question(waiting):
    fail_anew(waiting)
    assert_as_before_the_answer(waiting, waiting.before)
    waiting.complaints.clear()  # Chromium's own of the request that failed


def test_the_whole_answer_before_is_shown_after_a_stop_of_another_question(waiting):
    waiting.click("#again")
    headline = decided(waiting)
    before = [shot(waiting, f"{card(role)} .overlay") for role in ROLES]
    waiting.route("**/v1/explain", lambda route: None)
    waiting.select_option("#method", "lpel")
    waiting.wait_for_selector("body.stale")
    waiting.click("#stop")
    assert decided(waiting) == headline
    waiting.wait_for_timeout(500)  # what was faded comes back slowly
    for role, picture_before in zip(ROLES, before, strict=True):
        again = shot(waiting, f"{card(role)} .overlay").astype(int)
        assert np.abs(again - picture_before).max() <= 2  # drawing may round otherwise
    assert waiting.is_visible("#answer")


def test_another_crop_without_an_answer_shows_its_own_pictures(waiting):
    fail_anew(waiting)
    waiting.select_option("#crop", "0.5")
    waiting.wait_for_function(
        "(before) => document.querySelector('[data-role=test] .overlay').toDataURL() !== before",
        arg=waiting.before[1],
    )
    waiting.wait_for_selector("#status.failed")
    assert [drawn(waiting, role) for role in ROLES] == [OVERLAY, OVERLAY]
    assert previews(waiting)[0] != waiting.before[0]
    waiting.complaints.clear()


@pytest.fixture
def finding(chromium, bundle):
    settings = Settings(bundle, crops={bright.NAME: BrightSquares()})
    with running(settings) as address, opened(chromium, address) as page:
        yield page
        assert all("Failed to load resource" in text for text in page.complaints)


def test_a_crop_that_finds_nobody_leaves_the_photographs_alone(finding, tmp_path):
    paths = [tmp_path / f"{name}.png" for name in ("two", "dark")]
    bright.save(paths[0], bright.TWO)
    Image.fromarray(CROPS[0] // 2).save(paths[1])
    finding.select_option("#crop", "pad")
    choose(finding, "reference", *paths)
    decided(finding)
    finding.select_option("#crop", bright.NAME)
    finding.wait_for_selector(f"{card('test')} .complaint span")
    assert [drawn(finding, role) for role in ROLES] == [OVERLAY, OVERLAY]
    assert not finding.is_visible("#answer")
    drop(finding, card("test"), paths[:1])
    decided(finding)
    assert [drawn(finding, role) for role in ROLES] == [[True] * 5] * 2
    finding.select_option("#crop", "pad")
    decided(finding)
    expect(finding.locator(".found").first).to_be_hidden()
    drop(finding, card("test"), paths[1:])
    decided(finding)
    assert [drawn(finding, role)[4] for role in ROLES] == [False, False]


def test_one_sample_after_another_leaves_nothing_of_the_first(page):
    take_sample(page)
    page.route("**/v1/explain", lambda route: None)
    page.click("#samples li:nth-child(2) button")
    page.wait_for_selector("#stop:visible")
    assert [drawn(page, role) for role in ROLES] == [OVERLAY, OVERLAY]
    assert not page.is_visible("#answer")
