"""Texts as somebody needs them: twice as large, spaced wide, in a window of 320 pixels, in more
contrast, in the system's colours. None is cut off, and none lies on another."""

import pytest

from support.page import colours
from support.page.acting import take_sample
from support.page.opening import opened

WEAR = """(rules) => {
    const sheet = new CSSStyleSheet(); // the page's policy lets no other style in
    sheet.replaceSync(rules);
    document.adoptedStyleSheets = [sheet];
}"""
SPACED = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important; } p { margin-block-end: 2em !important; }"""
"""What WCAG 1.4.12 lets anybody set."""
LOOKS = {
    "as it is": (1280, 16, ""),
    "360": (360, 16, ""),
    "320, which is 1280 at 400 %": (320, 16, ""),
    "twice as large": (1280, 32, ""),
    "twice as large, 640": (640, 32, ""),
    "spaced": (1280, 16, SPACED),
    "spaced, 320": (320, 16, SPACED),
}
"""Widths, the size of letters that the browser was set to, in pixels, and styles."""
TEXTS = r"""() => {
    const texts = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const parent = node.parentElement;
        if (!node.textContent.trim() || parent.closest("option, .unseen, noscript")) continue;
        if (!parent.checkVisibility({ visibilityProperty: true })) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        // A line's box is higher than its letters.
        const size = parseFloat(getComputedStyle(parent).fontSize);
        const boxes = [...range.getClientRects()].map(({ left, right, top, bottom }) => {
            const middle = (top + bottom) / 2;
            return { left, right, top: middle - 0.35 * size, bottom: middle + 0.35 * size };
        });
        texts.push({ parent, text: node.textContent.trim().slice(0, 30), boxes });
    }
    return texts;
}"""
TOUCHING = (
    f"() => {{ const texts = ({TEXTS})();"
    r"""
    const touch = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    return texts.flatMap((one, place) => texts.slice(place + 1)
        .filter((other) => one.boxes.some((a) => other.boxes.some((b) => touch(a, b))))
        .map((other) => `${one.text} | ${other.text}`));
}"""
)
"""Pairs of texts that lie on each other."""
CUT = (
    f"() => {{ const texts = ({TEXTS})();"
    r"""
    const hides = (style) => [style.overflowX, style.overflowY].some((way) => way !== "visible");
    const window = { left: 0, right: document.documentElement.clientWidth };
    const beyond = (box, { left, right, top = -Infinity, bottom = Infinity }) =>
        box.left < left - 1 || box.right > right + 1
        || box.top < top - 1 || box.bottom > bottom + 1;
    const holds = (element) => element.matches("button")
        || (hides(getComputedStyle(element)) && !element.matches(".face .name"));
    return texts.filter(({ parent, boxes }) => {
        const around = [window];
        for (let at = parent; at !== document.body; at = at.parentElement) {
            if (holds(at)) around.push(at.getBoundingClientRect());
        }
        return boxes.some((box) => around.some((one) => beyond(box, one)));
    }).map(({ text }) => text);
}"""
)
"""Texts that are cut off, or stick out of their button or of the window; but a file's name, which
ends in an ellipsis, and stands whole in what its picture is called."""


@pytest.fixture(scope="module")
def page(chromium, address):
    with opened(chromium, address, reduced_motion="reduce") as one:
        yield one
        assert one.complaints == []


@pytest.fixture(scope="module")
def full(chromium, address):
    with opened(chromium, address, reduced_motion="reduce") as one:
        take_sample(one, 2)
        one.click("#measure")
        one.wait_for_selector("#curve svg")
        yield one
        assert one.complaints == []


def worn(page, look: str):
    width, size, rules = LOOKS[look]
    page.set_viewport_size({"width": width, "height": 800})
    sizes = {"fontSizes": {"standard": size, "fixed": size}}
    page.context.new_cdp_session(page).send("Page.setFontSizes", sizes)
    page.evaluate(WEAR, rules)
    page.wait_for_timeout(50)  # the curve is drawn anew in the next frame
    return page


def check(page, look: str):
    worn(page, look)
    assert page.evaluate(TOUCHING) == []
    assert page.evaluate(CUT) == []
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("look", LOOKS)
def test_no_text_is_cut_off_or_lies_on_another_as_it_opens(page, look):
    check(page, look)


@pytest.mark.parametrize("look", LOOKS)
def test_no_text_is_cut_off_or_lies_on_another_when_all_is_shown(full, look):
    check(full, look)


def tabbed_to(page) -> list[dict]:
    """The outline of whatever the Tab key comes to, from the first to the last."""
    page.focus("[data-role=reference] .choose")
    for key in ("Tab", "Shift+Tab"):  # from here on the keyboard is in use
        page.keyboard.press(key)
    found = []
    while page.evaluate("document.activeElement !== document.body"):
        found.append(page.evaluate(colours.FOCUSED))
        page.keyboard.press("Tab")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("forced", ["none", "active"])
def test_the_focus_is_seen_wherever_it_is(full, scheme, forced):
    worn(full, "as it is")
    full.emulate_media(color_scheme=scheme, forced_colors=forced)
    outlines = tabbed_to(full)
    full.emulate_media(color_scheme="light", forced_colors="none")
    assert len(outlines) > 10
    assert [one for one in outlines if one["style"] != "solid" or one["width"] < 2] == []
    assert [one for one in outlines if one["contrast"] < 3] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whoever_asks_for_more_contrast_gets_it(full, scheme):
    worn(full, "as it is")
    full.emulate_media(color_scheme=scheme, contrast="more")
    texts = full.evaluate(colours.TEXTS)
    full.emulate_media(color_scheme="light", contrast="no-preference")
    assert len(texts) > 60
    assert colours.below(texts, 7) == []
