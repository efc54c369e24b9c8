"""What nobody expects of a user, and users do: folders, links, too many, too soon, twice."""

import json
import re
import shlex
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving.service.http.settings import Settings
from support import bright
from support.bright import BrightSquares
from support.page.acting import choose, complaint, decided, names, posts, take_sample
from support.page.odd_pictures import noise
from support.page.opening import PHONE, opened
from support.page.serving import running

NO_FILE = (
    "That is no file. Save the picture, and choose its file, or drop or paste the picture itself."
)


def let_go(page, selector, *, files=(), items=()):
    """Drag something over an element from outside the browser, and let it go there."""
    box = page.locator(selector).bounding_box()
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": list(items), "files": [str(path) for path in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def text(mime, value):
    return {"mimeType": mime, "data": value}


# ---- dropped and pasted ----


def test_files_that_are_dragged_in_are_taken(page, pictures):
    let_go(page, "[data-role=test]", files=pictures[:1])
    page.wait_for_selector("[data-role=test]:not(.empty)")
    let_go(page, "body > header", files=pictures[1:2])
    decided(page)
    assert names(page) == ["bea.png", "ada.png"]
    assert page.locator(".over").count() == 0


def test_a_folder_is_refused_in_words(page, pictures, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    let_go(page, "[data-role=test]", files=[folder])
    assert "holiday cannot be read" in complaint(page, "test")
    let_go(page, "[data-role=test]", files=pictures[:1])
    page.wait_for_selector("[data-role=test]:not(.empty)")
    assert page.inner_text("[data-role=test] .complaint") == ""


@pytest.mark.parametrize(
    "item",
    [text("text/plain", "a face"), text("text/uri-list", "http://127.0.0.1:1/face.jpg")],
    ids=["text", "link"],
)
def test_what_is_dropped_and_is_no_file_is_refused_in_words(page, address, item):
    let_go(page, "[data-role=reference]", items=[item])
    assert complaint(page, "reference") == NO_FILE
    assert page.url.rstrip("/") == address
    take_sample(page)
    assert page.inner_text("[data-role=reference] .complaint") == ""
    let_go(page, "body > header", items=[item])
    assert complaint(page, "test") == NO_FILE
    assert page.is_visible("#answer")  # its pictures are where they were


def test_three_files_are_too_many_and_none_is_picked_out(page, pictures):
    take_sample(page)
    let_go(page, "[data-role=reference]", files=pictures[:3])
    said = "These are 3 files, and two faces are compared. Take one or two."
    assert complaint(page, "reference") == said
    assert names(page) == ["Ada", "Bea"]
    choose(page, "test", *pictures)
    assert complaint(page, "test") == said.replace("3", "4")
    assert len(posts(page)) == 1


def test_pasted_text_is_refused_in_words_but_not_in_a_field(chromium, settings):
    with (
        running(replace(settings, api_key="a-key-of-sixteen-letters")) as locked,
        opened(chromium, locked, begins="This server wants its key") as page,
    ):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate("navigator.clipboard.writeText('a-key-of-sixteen-letters')")
        page.focus("#key")
        page.keyboard.press("Control+V")
        expect(page.locator("#key")).to_have_value("a-key-of-sixteen-letters")
        assert page.locator(".complaint span").count() == 0
        page.keyboard.press("Enter")
        page.wait_for_selector("#samples img")
        page.focus("[data-role=test] .choose")
        page.keyboard.press("Control+V")
        assert complaint(page, "test") == NO_FILE


# ---- chosen oddly ----


def test_the_same_file_may_be_chosen_twice_and_the_choice_called_off(page, pictures):
    choose(page, "reference", pictures[0])
    choose(page, "test", pictures[0])
    decided(page)
    assert names(page) == ["ada.png", "ada.png"]
    assert "1.000" in page.inner_text("#numbers")
    choose(page, "test", pictures[0])
    decided(page)
    choose(page, "test")  # nothing: as if called off
    page.wait_for_timeout(100)
    decided(page)
    assert names(page) == ["ada.png", "ada.png"]
    assert page.locator(".complaint span").count() == 0


def test_a_double_tap_opens_one_chooser_and_takes_one_pair(chromium, address, pictures):
    with opened(chromium, address, **PHONE) as page:
        opened_choosers = []
        page.on("filechooser", lambda chooser: opened_choosers.append(chooser))  # noqa: PLW0108
        box = page.locator("[data-role=test] .choose").bounding_box()
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.touchscreen.tap(*place)
        page.touchscreen.tap(*place)
        page.wait_for_timeout(200)
        for chooser in opened_choosers:
            chooser.set_files(pictures[0])
        page.wait_for_selector("[data-role=test]:not(.empty)")
        page.locator("#samples button").first.tap()
        page.locator("#samples button").first.tap()
        decided(page)
        assert names(page) == ["Ada", "Bea"]
        assert page.complaints == []


def test_a_sample_and_then_at_once_another_and_a_picture_of_ones_own(page, pictures):
    page.wait_for_selector("#samples img")
    page.evaluate("document.querySelectorAll('#samples button').forEach((one) => one.click())")
    decided(page)
    assert names(page) == ["Cleo", "Dora"]
    page.evaluate("document.querySelector('#samples button').click()")
    choose(page, "reference", *pictures[2:])
    decided(page)
    page.wait_for_timeout(200)
    assert names(page) == ["cleo.png", "dora.png"]
    assert page.locator("#samples [aria-current]").count() == 0


SLOW = """() => {
    const make = window.createImageBitmap;
    window.createImageBitmap = async (...all) => {
        window.createImageBitmap = make; // the others are quick
        await new Promise((resolve) => (window.goOn = resolve));
        return make(...all);
    };
}"""


def test_a_picture_that_is_still_read_goes_along_with_a_swap(page, pictures):
    choose(page, "test", pictures[0])
    page.wait_for_selector("[data-role=test]:not(.empty)")
    page.evaluate(SLOW)
    choose(page, "reference", pictures[1])
    page.wait_for_function("() => window.goOn")
    page.click("#swap")
    page.evaluate("goOn()")
    decided(page)
    assert names(page) == ["ada.png", "bea.png"]


def test_pictures_that_come_before_the_server_answers_wait_for_it(chromium, settings, pictures):
    with (
        running(replace(settings, api_key="a-key-of-sixteen-letters")) as locked,
        opened(chromium, locked, begins="This server wants its key") as page,
    ):
        choose(page, "reference", pictures[0])
        choose(page, "test", pictures[1])
        assert names(page) == ["ada.png", "bea.png"]
        page.fill("#key", "a-key-of-sixteen-letters")
        page.press("#key", "Enter")
        decided(page)
        assert names(page) == ["ada.png", "bea.png"]


# ---- odd pictures ----


@pytest.mark.parametrize("size", [(2, 900), (900, 2), (1, 1)])
def test_a_picture_of_an_odd_shape_has_its_place(page, pictures, tmp_path, size):
    odd = tmp_path / "odd.png"
    Image.fromarray(noise(*size)).save(odd)
    page.select_option("#crop", "pad")
    choose(page, "reference", odd, pictures[0])
    decided(page)
    stage, other = (page.locator(f"[data-role={role}] .stage") for role in ("reference", "test"))
    assert stage.bounding_box()["height"] == other.bounding_box()["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_what_would_have_to_be_cut_is_refused_with_crops_that_the_page_offers(
    page, pictures, tmp_path
):
    wide = tmp_path / "wide.png"
    Image.fromarray(noise(20, 30)).save(wide)
    choose(page, "reference", wide, pictures[0])
    said = complaint(page, "reference")
    assert "30 by 20 pixels" in said
    for crop, title in (
        ("pad", "the whole picture, with margins"),
        ("stretch", "the whole picture, stretched"),
    ):
        assert f"{crop}, which" in said
        page.select_option("#crop", label=title)
        decided(page)
        assert page.input_value("#crop") == crop
        assert page.inner_text("[data-role=reference] .complaint") == ""
    page.complaints.clear()  # Chromium's own of the request that was refused


@pytest.mark.parametrize("upright", [True, False])
def test_faces_in_a_very_long_picture_can_be_chosen(chromium, bundle, tmp_path, upright):
    picture = np.full((40, 1200, 3), 20, np.uint8)
    for seed, left, side in ((1, 20, 30), (2, 1100, 24)):
        picture[5 : 5 + side, left : left + side] = bright.square(seed, side)
    long = tmp_path / "long.png"
    Image.fromarray(picture.swapaxes(0, 1) if upright else picture).save(long)
    with (
        running(Settings(bundle, crops={bright.NAME: BrightSquares()})) as finding,
        opened(chromium, finding, **PHONE) as page,
    ):
        page.select_option("#crop", bright.NAME)
        choose(page, "reference", long, long)
        decided(page)
        page.select_option("[data-role=test] .found select", "1")
        expect(page.locator("[data-role=test] figcaption").last).to_contain_text("second largest")
        decided(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


# ---- away and back ----


def test_going_back_to_the_page_finds_it_whole(page):
    page.check("#here")
    page.goto("about:blank")
    page.go_back()
    page.wait_for_selector("#samples img")
    local = page.is_checked("#here")
    assert ("go nowhere" in page.inner_text("#privacy")) == local
    page.uncheck("#here")
    take_sample(page)
    page.reload()
    page.wait_for_selector("#samples img")
    assert names(page) == ["", ""]
    assert page.locator("#samples [aria-current]").count() == 0


# ---- without JavaScript ----


@pytest.mark.parametrize("look", [{}, PHONE], ids=["wide", "phone"])
def test_without_javascript_nothing_waits_and_a_command_that_works_is_named(
    chromium, address, pictures, look
):
    context = chromium.new_context(java_script_enabled=False, **look)
    page = context.new_page()
    page.goto(address)
    shown = page.inner_text("body")
    assert "JavaScript" in shown
    assert not re.search(r"Reading|…|waiting", shown)
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert not page.is_visible("progress")
    body = page.locator("body").bounding_box()
    assert body["width"] <= page.viewport_size["width"]
    command = page.locator("pre").inner_text()
    context.close()
    command = command.replace("ADDRESS", address)
    command = command.replace("one.jpg", str(pictures[0])).replace("another.jpg", str(pictures[1]))
    ran = subprocess.run(shlex.split(command), capture_output=True, check=True, timeout=60)
    assert json.loads(ran.stdout)["words"]
