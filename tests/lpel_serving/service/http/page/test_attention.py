"""The focus stays on the page, and the eye is led to where the answer is."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from support.page.acting import choose, decided, names, take_sample
from support.page.opening import PHONE, opened
from support.page.serving import running

FOCUSED = "(({ id, className, tagName }) => id || className || tagName)(document.activeElement)"
LOOKS = {
    "phone": PHONE,
    "small": {**PHONE, "viewport": {"width": 320, "height": 568}},
    "lying": {**PHONE, "viewport": {"width": 640, "height": 360}},
}
SEEN = """() => [...document.querySelectorAll(".overlay")].every((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
})"""


def focused(page):
    return page.evaluate(FOCUSED)


def key(page, selector, name="Enter"):
    """Go to a control and press a key there, as by keyboard alone."""
    page.wait_for_selector(f"{selector}:visible")
    page.focus(selector)
    page.keyboard.press(name)


def pasted(page, path):
    """Paste a picture, wherever the focus is."""
    page.evaluate(
        """(text) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], "pasted.png"));
            document.activeElement.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
        }""",
        path.read_bytes().decode("latin-1"),
    )


# ---- the focus ----


def test_measuring_by_keyboard_goes_to_stop_and_back(page):
    take_sample(page)
    key(page, "#measure")
    page.wait_for_selector("#measure-stop:visible")
    assert focused(page) == "measure-stop"
    page.wait_for_selector("#curve svg")
    expect(page.locator("#measure")).to_be_focused()
    page.route("**/v1/assess", lambda route: None)
    page.keyboard.press("Enter")
    expect(page.locator("#measure-stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#measure")).to_be_focused()


def test_a_stop_that_is_gone_leaves_the_focus_at_the_verdict(page):
    held = []
    page.route("**/v1/explain", lambda route: held.append(route))  # noqa: PLW0108
    key(page, "#samples button")
    page.wait_for_selector("#stop:visible")
    page.focus("#stop")
    held[0].continue_()
    decided(page)
    assert focused(page) == "status"


def test_trying_again_by_keyboard_goes_to_stop_and_back(page):
    held = []
    page.route("**/v1/explain", lambda route: held.append(route))  # noqa: PLW0108
    key(page, "#samples button")
    key(page, "#stop")
    assert focused(page) == "again"
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_focused()
    held[-1].fulfill(status=500, body="oh")
    expect(page.locator("#status")).to_contain_text("does not say why")
    expect(page.locator("#again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#again")).to_be_focused()
    page.complaints.clear()  # Chromium's own of the request that failed


def test_giving_the_key_by_keyboard_leaves_the_focus_at_what_comes_next(chromium, settings):
    with (
        running(replace(settings, api_key="a-key-of-sixteen-letters")) as locked,
        opened(chromium, locked, begins="This server wants its key") as page,
    ):
        for text, then in (("another-key-of-sixteen", "key"), ("a-key-of-sixteen-letters", None)):
            page.keyboard.type(text)
            page.keyboard.press("Enter")
            expect(page.locator("#status")).not_to_have_text("This server wants its key.")
            if then:
                expect(page.locator(f"#{then}")).to_be_focused()
        page.wait_for_selector("#samples img")
        assert focused(page) == "status"
        page.keyboard.press("Tab")  # on from there
        assert focused(page) == "BUTTON"


@pytest.mark.parametrize("control", ["#epsilon", "#measure", "#save-figure", "#swap"])
def test_a_picture_that_is_pasted_takes_no_focus_away(page, pictures, tmp_path, control):
    notes = tmp_path / "notes.png"
    notes.write_text("no picture")
    choose(page, "reference", *pictures[:2])
    decided(page)
    page.focus(control)
    pasted(page, pictures[2])
    page.wait_for_selector("[data-role=test] .name:text('pasted.png')")
    decided(page)
    assert page.evaluate("document.activeElement !== document.body")
    page.focus(control)
    pasted(page, notes)
    page.wait_for_selector(".complaint span")
    assert focused(page) == ("swap" if control == "#swap" else "status")


def test_swap_without_a_face_left_gives_the_focus_on(page, tmp_path, pictures):
    choose(page, "test", pictures[0])
    page.wait_for_selector("[data-role=test]:not(.empty)")
    page.focus("#swap")
    notes = tmp_path / "notes.png"
    notes.write_text("no picture")
    choose(page, "test", notes)
    page.wait_for_selector(".complaint span")
    assert page.is_disabled("#swap")
    assert focused(page) == "status"


def test_what_is_saved_or_computed_here_by_keyboard_keeps_the_focus(page):
    take_sample(page)
    with page.expect_download():
        key(page, "#save-numbers")
    assert focused(page) == "save-numbers"
    page.route("**/models/*", lambda route: None)
    key(page, "#here", "Space")
    page.wait_for_selector("#stop:visible")
    assert focused(page) == "here"
    key(page, "#stop")
    assert focused(page) == "method"  # the answer before it is shown again
    page.complaints.clear()


def test_a_mouse_is_followed_without_a_ring(page):
    take_sample(page)
    page.route("**/v1/assess", lambda route: None)
    page.click("#measure")
    expect(page.locator("#measure-stop")).to_be_focused()
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(ring) == "none"


# ---- the eye ----


@pytest.mark.parametrize("look", LOOKS)
def test_tapping_a_sample_leads_to_its_faces(chromium, address, look):
    with opened(chromium, address, **LOOKS[look]) as page:
        for number in (2, 1):  # the second time from below an answer
            sample = page.locator(f"#samples li:nth-child({number}) button")
            sample.scroll_into_view_if_needed()
            page.evaluate("document.querySelector('footer').scrollIntoView()")
            sample.tap()
            page.wait_for_selector("#status.decided")
            page.wait_for_function(SEEN)
            page.wait_for_timeout(300)
            assert page.evaluate(SEEN)
            if look != "lying":
                box = page.locator("#status").bounding_box()
                assert box["y"] + box["height"] <= page.viewport_size["height"]


def test_a_wide_window_does_not_move(chromium, address, pictures):
    with opened(chromium, address) as page:
        page.evaluate("addEventListener('scroll', () => (window.moved = true))")
        for number in (1, 2):
            page.wait_for_selector("#samples img")
            page.click(f"#samples li:nth-child({number}) button")
            decided(page)
        choose(page, "test", pictures[0])
        page.wait_for_timeout(300)
        assert page.evaluate("[scrollY, window.moved ?? false]") == [0, False]


def test_a_picture_that_is_pasted_further_down_is_seen(page, pictures):
    take_sample(page)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    pasted(page, pictures[2])
    page.wait_for_selector("[data-role=test] .name:text('pasted.png')")
    page.wait_for_function(SEEN)


def test_whoever_wants_no_motion_is_there_at_once(chromium, address):
    watch = """() => {
        const scroll = Element.prototype.scrollIntoView;
        window.ways = [];
        Element.prototype.scrollIntoView = function (way) {
            window.ways.push(way.behavior);
            scroll.call(this, way);
        };
    }"""
    for motion, way in (("reduce", "instant"), ("no-preference", "smooth")):
        with opened(chromium, address, reduced_motion=motion, **LOOKS["lying"]) as page:
            page.evaluate(watch)
            page.tap("#samples button")
            decided(page)
            assert page.evaluate("window.ways") == [way]


def test_whoever_moved_on_is_not_brought_back(chromium, address):
    with opened(chromium, address, **LOOKS["small"]) as page:
        held = []
        page.route("**/v1/explain", lambda route: held.append(route))  # noqa: PLW0108
        page.tap("#samples button")
        page.wait_for_selector("#stop:visible")
        page.wait_for_function(SEEN)
        page.wait_for_timeout(500)
        page.mouse.wheel(0, 2000)
        page.wait_for_function("() => scrollY > 100")
        page.wait_for_timeout(300)
        before = page.locator("#choices").bounding_box()["y"]
        held[0].continue_()
        decided(page)
        page.wait_for_timeout(300)
        assert abs(page.locator("#choices").bounding_box()["y"] - before) < 1


# ---- which sample it is ----


def marked(page):
    return page.locator("#samples [aria-current=true]").all_inner_texts()


def test_the_sample_that_is_shown_is_marked_until_another_picture_is_chosen(page, pictures):
    page.wait_for_selector("#samples img")
    assert marked(page) == []
    plain = "getComputedStyle(document.querySelector('#samples li:nth-child(2) button')).{}"
    before = [page.evaluate(plain.format(one)) for one in ("borderColor", "fontWeight")]
    take_sample(page, 2)
    assert marked(page) == ["Pair 2"]
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)  # the border changes slowly
    after = [page.evaluate(plain.format(one)) for one in ("borderColor", "fontWeight")]
    assert all(one != other for one, other in zip(before, after, strict=True))
    take_sample(page, 1)
    assert marked(page) == ["Pair 1"]
    page.click("#swap")
    decided(page)
    assert names(page) == ["Bea", "Ada"]
    assert marked(page) == ["Pair 1"]  # the same two pictures
    choose(page, "test", pictures[2])
    page.wait_for_selector("[data-role=test] .name:text('cleo.png')")
    assert marked(page) == []
