"""What the page announces to screen readers: once, when it is so, and not number by number."""

import json
import re

import pytest
from playwright.sync_api import expect

from support.page import states
from support.page.acting import choose, take_sample
from support.page.opening import opened

LISTEN = """() => {
    window.heard = [];
    const regions = document.querySelectorAll("[role=alert], [role=status], [aria-live]");
    for (const region of regions) {
        if (region.ariaLive === "off") continue;
        new MutationObserver(() => {
            const text = region.textContent.trim();
            if (text) window.heard.push(text);
        }).observe(region, { childList: true, characterData: true, subtree: true });
    }
}"""
"""Keep what comes into live regions: a screen reader says it each time, were it the same text."""
BUSY = "The server is busy. It will be asked again soon."


def heard(page) -> list[str]:
    return page.evaluate("window.heard")


def turn_away(page, pattern: str, times: int, seconds: int) -> None:
    """Be busy so many times, and then no more."""
    left = list(range(times))

    def busy(route):
        if not left:
            return route.fallback()
        left.pop()
        headers = {"Retry-After": str(seconds), "Content-Type": "application/problem+json"}
        return route.fulfill(status=503, headers=headers, body=json.dumps({"detail": "too many"}))

    page.route(pattern, busy)


@pytest.fixture
def heeded(chromium, address):
    with opened(chromium, address) as one:
        one.evaluate(LISTEN)
        yield one


def test_a_verdict_is_said_once_and_no_second_of_the_wait_for_it(heeded):
    turn_away(heeded, states.EXPLAIN, times=2, seconds=2)
    take_sample(heeded)
    comparing, *busy, verdict = heard(heeded)
    assert comparing.startswith("Comparing")
    assert busy == [BUSY]
    assert verdict == heeded.inner_text("#status")


def test_a_measurement_is_said_once_and_no_step_of_the_way_to_it(heeded):
    take_sample(heeded)
    before = len(heard(heeded))
    steps = "() => new MutationObserver(() => window.steps = (window.steps ?? 0) + 1).observe("
    shown = "document.getElementById('measured-count'), { childList: true })"
    heeded.evaluate(steps + shown)
    heeded.click("#measure")
    heeded.wait_for_selector("#curve svg")
    *on_the_way, last = heard(heeded)[before:]
    assert last == heeded.inner_text("#belief-status")
    assert len(on_the_way) <= 5 < heeded.evaluate("window.steps")


def test_a_busy_server_is_said_once_while_a_curve_waits_for_it(heeded):
    take_sample(heeded)
    turn_away(heeded, states.ASSESS, times=1, seconds=2)
    heeded.evaluate("window.heard = []")
    heeded.click("#measure")
    heeded.wait_for_selector("#curve svg")
    assert heard(heeded)[0] == BUSY
    assert heard(heeded).count(BUSY) == 1


def test_a_slider_says_its_value_itself_and_as_it_is_written(heeded):
    take_sample(heeded)
    before = heard(heeded)
    for slider, written in (("opacity", "76 %"), ("epsilon", "0.71")):
        heeded.focus(f"#{slider}")
        heeded.keyboard.press("ArrowRight")
        assert heeded.get_attribute(f"#{slider}", "aria-valuetext") == written
        assert re.sub(r"\s", " ", heeded.inner_text(f"#{slider}-value")) == written
        assert heeded.get_attribute(f"#{slider}-value", "aria-live") == "off"
    assert heard(heeded) == before


def test_alarms_are_there_before_their_text(page, tmp_path):
    """What comes into the page with its text is not said by every browser."""
    rendered = "[...document.querySelectorAll('[role=alert]')].map((one) => one.checkVisibility())"
    assert page.evaluate(rendered) == [True] * 3
    notes = tmp_path / "notes.jpg"
    notes.write_text("no picture")
    page.evaluate(LISTEN)
    choose(page, "test", notes)
    expect(page.locator("#test-complaint")).not_to_be_empty()
    assert heard(page).count(page.inner_text("#test-complaint")) == 1


def test_what_is_asked_for_anew_is_said_to_be_busy(page):
    busy = "[...document.querySelectorAll('[aria-busy=true]')].map((one) => one.id)"
    take_sample(page)
    assert page.evaluate(busy) == []
    with states.answering(page, states.EXPLAIN):
        page.select_option("#method", "lpel")
        page.wait_for_selector("body.stale")
        assert page.evaluate(busy) == ["answer", "parts", "belief"]
        # What says so must be heard, and so stands in nothing that is busy.
        assert page.locator("[aria-busy=true] #status").count() == 0
        page.click("#stop")
    assert page.evaluate(busy) == []
    states.resume(page)
    assert page.evaluate(busy) == []
