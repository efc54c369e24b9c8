"""Whatever can be pressed is reached, with a mouse and with a finger, and no text lies on another.

What lies at the middle of a control is what a mouse or a finger meets there: the tests press places
of the window, never elements.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from lpel_serving.service.http.settings import Settings
from support import bright
from support.bright import BrightSquares
from support.page.acting import choose, decided, take_sample
from support.page.opening import opened
from support.page.serving import running

TOUCH = {"has_touch": True, "is_mobile": True}
LOOKS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 780}, **TOUCH},
    "small": {"viewport": {"width": 320, "height": 568}, **TOUCH},
    "lying": {"viewport": {"width": 640, "height": 360}, **TOUCH},
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}
WINDOWS = pytest.mark.parametrize("look", ["wide", "phone", "small"], indirect=True)
"""Enough of the looks where a state has little of its own."""
LEAST = 24
"""CSS pixels of a target, as WCAG 2.5.8 has it."""
FINGER = 44
"""CSS pixels of a target for a finger."""
APART = 3
"""CSS pixels between texts that stand side by side, at the least."""

CONTROLS = """() => {
    const all = "button, select, input:not([type=file]), summary, a[href], canvas.several";
    const found = [];
    for (const control of document.querySelectorAll(all)) {
        if (!control.checkVisibility({ visibilityProperty: true })) continue;
        control.scrollIntoView({ block: "center", behavior: "instant" });
        const { left, top, width, height } = control.getBoundingClientRect();
        const met = document.elementFromPoint(left + width / 2, top + height / 2);
        const labels = [...(control.labels ?? [])];
        const own = [control, ...labels].some((one) => one.contains(met));
        const role = control.closest(".face")?.dataset.role ?? "";
        const what = control.id || `${role} ${control.className}` || control.textContent;
        found.push({ what, width, height, met: own ? null : met?.outerHTML.slice(0, 80) });
    }
    return found;
}"""

TEXTS = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const parent = node.parentElement;
        if (!node.textContent.trim() || parent.closest(".unseen, template, script, option, svg, \
            noscript") || !parent.checkVisibility({ visibilityProperty: true })) continue;
        let block = parent;
        while (getComputedStyle(block).display === "inline") block = block.parentElement;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const rect of range.getClientRects()) {
            // What is cut off at its own box's edge is not seen beyond it.
            const edge = parent.getBoundingClientRect();
            const cut = getComputedStyle(parent).overflowX !== "visible";
            const right = cut ? Math.min(rect.right, edge.right) : rect.right;
            found.push({ text: node.textContent.trim().slice(0, 30), block: [...document
                .querySelectorAll("*")].indexOf(block), left: rect.left, right,
                top: rect.top + rect.height / 4, bottom: rect.bottom - rect.height / 4 });
        }
    }
    return found;
}"""


@pytest.fixture(params=LOOKS)
def look(request):
    return LOOKS[request.param]


def unreached(page, least=LEAST):
    """Controls that are covered, or are smaller than what a finger needs."""
    found = page.evaluate(CONTROLS)
    assert found
    smallest = (min(one["width"], one["height"]) for one in found)
    pairs = zip(found, smallest, strict=True)
    return [one for one, side in pairs if one["met"] or side < least]


def touching(page):
    """Texts that lie on each other, or side by side with hardly anything between them."""
    found = page.evaluate(TEXTS)
    assert found
    return [
        (one["text"], other["text"])
        for at, one in enumerate(found)
        for other in found[at + 1 :]
        if one["block"] != other["block"]
        and one["left"] < other["right"] + APART
        and other["left"] < one["right"] + APART
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
    ]


def check(page, look, state):
    least = FINGER if "has_touch" in look else LEAST
    assert unreached(page, least) == [], state
    assert touching(page) == [], state
    assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"], state


def press(page, look, selector):
    """Click or touch what lies at the middle of an element, whatever that is."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    (page.touchscreen.tap if "has_touch" in look else page.mouse.click)(*place)


def test_every_control_is_reached_in_every_state(chromium, address, look, pictures, tmp_path):
    notes = tmp_path / f"{'notes' * 12}.jpg"
    notes.write_text("no picture")
    with opened(chromium, address, **look) as page:
        check(page, look, "nothing chosen")
        choose(page, "test", pictures[0])
        page.wait_for_selector("[data-role=test]:not(.empty)")
        check(page, look, "one face")
        choose(page, "reference", notes)
        page.wait_for_selector(".complaint span")
        check(page, look, "refused")
        choose(page, "reference", pictures[1])
        decided(page)
        check(page, look, "both explained")
        press(page, look, "#measure")
        page.wait_for_selector("#curve svg")
        check(page, look, "measured")
        page.route("**/v1/*", lambda route: None)
        press(page, look, "#measure")
        page.wait_for_selector("#measure-stop:visible")
        check(page, look, "measuring")
        press(page, look, "#samples li:nth-child(2) button")
        page.wait_for_selector("#stop:visible")
        check(page, look, "waiting")
        press(page, look, "#stop")
        page.wait_for_selector("#again:visible")
        check(page, look, "stopped")
        press(page, look, "#here-choice label")
        page.wait_for_selector("#here:checked")
        check(page, look, "computing here")


@WINDOWS
def test_every_control_is_reached_where_a_key_is_asked_for(chromium, settings, look):
    with (
        running(replace(settings, api_key="a-key-of-sixteen-letters")) as locked,
        opened(chromium, locked, begins="This server wants its key", **look) as page,
    ):
        check(page, look, "key asked")


@WINDOWS
def test_every_control_is_reached_where_there_are_several_faces(chromium, bundle, look, tmp_path):
    two = bright.save(tmp_path / "two.png", bright.TWO)
    with (
        running(Settings(bundle, crops={bright.NAME: BrightSquares()})) as finding,
        opened(chromium, finding, **look) as page,
    ):
        page.select_option("#crop", bright.NAME)
        choose(page, "reference", two, two)
        decided(page)
        assert page.locator("canvas.several").count() == 2
        check(page, look, "several faces")


@contextmanager
def chooser(page, look, selector):
    """What the press opens to choose files with."""
    with page.expect_file_chooser() as caught:
        press(page, look, selector)
    yield caught.value


@WINDOWS
def test_a_press_on_choose_a_picture_leads_to_an_answer(chromium, address, look, pictures):
    with opened(chromium, address, **look) as page:
        page.on("filechooser", lambda chooser: None)
        for role, picture in zip(("reference", "test"), pictures, strict=False):
            with chooser(page, look, f"[data-role={role}] .choose") as files:
                assert files.element.get_attribute("id") == f"{role}-file"
                assert files.is_multiple()
                files.set_files(picture)
            page.wait_for_selector(f"[data-role={role}]:not(.empty)")
        decided(page)
        with chooser(page, look, "[data-role=test] .choose") as files:  # another in its place
            files.set_files(pictures[2])
        page.wait_for_selector("[data-role=test] .name:text('cleo.png')")
        decided(page)
        press(page, look, "#swap")
        page.wait_for_selector("[data-role=reference] .name:text('cleo.png')")
        decided(page)
        assert page.complaints == []


@WINDOWS
def test_a_press_on_a_sample_leads_to_an_answer(chromium, address, look):
    with opened(chromium, address, **look) as page:
        page.wait_for_selector("#samples img")
        press(page, look, "#samples li:nth-child(2) button")
        decided(page)
        take_sample(page)
