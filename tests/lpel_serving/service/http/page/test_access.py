"""For everybody: by keyboard alone, read aloud, in the dark, on a small screen."""

import itertools

import pytest

from lpel_serving.support.wording import percent
from support.page import colours
from support.page.acting import choose, decided, names, record, take_sample
from support.page.opening import opened

CONTROLS = {"button", "checkbox", "combobox", "slider", "textbox", "link", "progressbar", "image"}
"""Roles that are nothing without a name."""


def everything(page):
    """Bring the page into the state in which it shows the most."""
    take_sample(page, 2)
    page.click("#measure")
    page.wait_for_selector("#curve svg")


def test_every_control_has_a_name(page):
    begins = {"button", "combobox", "checkbox"}  # an empty card has no picture
    for act, least in ((lambda _: None, begins), (everything, begins | {"image"})):
        act(page)
        session = page.context.new_cdp_session(page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        named = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and node["role"]["value"] in CONTROLS
        ]
        assert {role for role, _ in named} >= least
        assert [role for role, name in named if not name.strip()] == []


def test_the_page_has_its_language_landmarks_and_headings(page):
    everything(page)
    assert page.get_attribute("html", "lang") == "en"
    for landmark in ("header", "main", "aside", "footer"):
        assert page.locator(f"body {landmark}").count() >= 1
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => one.tagName)")
    assert levels[0] == "H1"
    assert levels.count("H1") == 1
    assert all(not (a == "H1" and b == "H3") for a, b in itertools.pairwise(levels))
    assert page.locator("#status[role=status]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(page, scheme, tmp_path):
    page.emulate_media(color_scheme=scheme)
    everything(page)
    notes = tmp_path / "notes.jpg"
    notes.write_text("no picture")
    found = page.evaluate(colours.TEXTS)
    choose(page, "test", notes)
    page.wait_for_selector(".complaint span")
    found += page.evaluate(colours.TEXTS)
    assert len(found) > 60
    assert colours.below(found, 4.5) == []


def test_the_keyboard_alone_will_do(page, pictures, engine):
    def focused():
        return page.evaluate("document.activeElement.id || document.activeElement.className")

    # Choosers are caught only while somebody listens, and to begin with that takes a while: a key
    # that is pressed at once would open the browser's own.
    page.on("filechooser", lambda chooser: None)
    page.keyboard.press("Tab")
    assert focused() == "choose"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([str(pictures[0])])
    page.wait_for_selector("[data-role=reference]:not(.empty)")
    page.keyboard.press("Tab")
    assert focused() == "swap"
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([str(pictures[1])])
    decided(page)
    for wanted in ("opacity", "epsilon"):
        page.keyboard.press("Tab")
        assert focused() == wanted
    page.keyboard.press("Home")
    assert page.inner_text("#epsilon-value") == "0.00"
    share = record(page)["explanations"]["test"]["mask_share"]
    assert percent(share) in page.get_attribute("[data-role=test] .overlay", "aria-label")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(focused())
    assert "method" in reached
    assert "measure" in reached
    page.focus("#swap")
    page.keyboard.press("Enter")
    decided(page)
    assert names(page) == ["bea.png", "ada.png"]


def test_whoever_is_focused_can_be_seen(page):
    everything(page)
    page.focus("#method")
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"


@pytest.mark.parametrize("width", [320, 360, 700, 1000, 1400])
def test_nothing_is_wider_than_the_window(page, width, pictures, tmp_path):
    long = tmp_path / f"{'a' * 90}.png"
    long.write_bytes(pictures[0].read_bytes())
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    choose(page, "reference", long, pictures[1])
    decided(page)
    page.click("#measure")
    page.wait_for_selector("#curve svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_whoever_wants_no_motion_has_none(chromium, address):
    moving = """[...document.querySelectorAll("body, body *")].filter(
        (one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length"""
    with opened(chromium, address, reduced_motion="reduce") as page:
        take_sample(page)
        assert page.evaluate(moving) == 0
    with opened(chromium, address, reduced_motion="no-preference") as page:
        assert page.evaluate(moving) > 0


def test_the_verdict_is_read_aloud(page):
    take_sample(page)
    assert page.get_attribute("#status", "role") == "status"
    assert page.inner_text("#status").startswith("The network calls")
    alert = page.locator("[data-role=test] .complaint")
    assert alert.get_attribute("role") == "alert"
