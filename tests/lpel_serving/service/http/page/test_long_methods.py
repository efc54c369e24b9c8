"""Methods that cannot be asked, or not in time, or that take long: as a user meets them."""

import re

import pytest
from playwright.sync_api import expect

from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import read_samples
from support import plugins, slow
from support.page.acting import decided, posts, press, record
from support.page.opening import CROPS, NAMES, opened
from support.page.serving import RUNTIME, add_explainer, write_samples
from support.service import started

DISSIMILAR, SIMILAR = 1, 2
"""Which of the samples is called what."""
REFUSED = "Failed to load resource"
EMSNN = "“Random changes of the decoded face”"
RESPONSES = "“Hiding parts, predicted”"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A service whose embedder takes its time, with the methods of another package."""
    folder = tmp_path_factory.mktemp("long")
    made = plugins.slow_bundle(folder / "made", milliseconds=8)
    samples = read_samples(write_samples(folder / "samples", CROPS, NAMES))
    with pytest.MonkeyPatch.context() as patch:
        plugins.install(folder / "other", patch)
        bundle = add_explainer(made, folder / "bundle")
        settings = Settings(bundle, samples=samples, web_runtime=RUNTIME)
        with started(settings) as one:
            one.address = f"http://127.0.0.1:{one.port}"
            yield one


@pytest.fixture
def page(chromium, running):
    with opened(chromium, running.address) as one:
        yield one
        assert all(REFUSED in text for text in one.complaints)


def take(page, number):
    press(page, f"#samples li:nth-child({number}) button")
    return decided(page)


def option(page, name):
    return page.locator(f"#method option[value='{name}']")


def obstacles(page):
    return page.locator("#method-obstacles").inner_text()


def numbers(page):
    return page.inner_text("#numbers")


class TestWhatCannotBeAsked:
    def test_it_is_disabled_once_the_decision_is_known_and_says_why(self, page):
        expect(option(page, "emsnn")).to_be_enabled()
        assert "dissimilar" in take(page, DISSIMILAR)
        expect(option(page, "emsnn")).to_be_disabled()
        assert option(page, "emsnn").inner_text().endswith("(emsnn): similar pairs alone")
        reason = "can explain similar pairs alone, and these two are called dis"
        assert f"{EMSNN} {reason}" in obstacles(page)
        expect(option(page, "picky")).to_be_enabled()
        take(page, SIMILAR)
        expect(option(page, "emsnn")).to_be_enabled()
        expect(option(page, "picky")).to_be_disabled()
        assert EMSNN not in obstacles(page)

    def test_the_reasons_are_read_with_the_menu(self, page):
        described = page.get_attribute("#method", "aria-describedby").split()
        assert "method-obstacles" in described
        assert "method-hint" in described

    def test_a_new_pair_that_the_method_does_not_explain_keeps_its_verdict(self, page):
        take(page, SIMILAR)
        page.select_option("#method", "emsnn")
        expect(page.locator("body")).not_to_have_class(re.compile("stale"))
        decided(page)
        verdict = take(page, DISSIMILAR)
        assert "dissimilar" in verdict
        assert numbers(page)
        expect(page.locator("#note")).to_contain_text(f"Shown is the answer by {RESPONSES}.")
        assert "emsnn explains similar pairs alone" in page.inner_text("#note")
        assert page.input_value("#method") == "responses"
        assert record(page)["method"]["name"] == "responses"
        take(page, SIMILAR)
        assert page.inner_text("#note") == ""

    def test_a_method_that_fails_keeps_what_was_shown(self, page):
        verdict, before = take(page, SIMILAR), numbers(page)
        page.select_option("#method", "fragile")
        expect(page.locator("#note")).to_contain_text("the method fragile failed")
        assert (decided(page), numbers(page)) == (verdict, before)
        assert page.input_value("#method") == "responses"

    def test_what_is_not_here_or_takes_too_long_stays_in_the_menu_and_says_why(self, page):
        for name in ("broken", "missing", "endless"):
            expect(option(page, name)).to_be_disabled()
            assert name in obstacles(page)
        assert "lpel explain REFERENCE TEST --bundle BUNDLE --method endless" in obstacles(page)
        assert option(page, "endless").inner_text() == "endless: takes too long here"
        groups = page.locator("#method optgroup").evaluate_all("all => all.map((o) => o.label)")
        assert groups[:2] == ["At once", "Slow"]

    def test_the_browsers_own_method_gives_way_to_what_was_chosen_before(self, page):
        page.select_option("#method", "lpel")
        page.check("#here")
        assert page.input_value("#method") == "responses"
        expect(page.locator("#method")).to_be_disabled()
        assert f"no other method than {RESPONSES}" in page.inner_text("#here-hint")
        assert obstacles(page) == ""
        page.uncheck("#here")
        assert page.input_value("#method") == "lpel"


def begin_slow(page):
    page.select_option("#method", "corrrise")
    page.wait_for_selector("#countdown:text-matches('left')")


class TestProgress:
    def test_a_long_method_says_how_far_it_is_and_how_long_yet_then_answers(self, page):
        take(page, SIMILAR)
        page.evaluate(
            """() => {
                window.seen = { countdown: [], "progress-aloud": [], progress: [] };
                const watch = (id, read) => new MutationObserver(
                    () => window.seen[id].push(read(document.getElementById(id)))
                ).observe(document.getElementById(id),
                    { childList: true, attributes: true, characterData: true, subtree: true });
                watch("countdown", (it) => it.textContent);
                watch("progress-aloud", (it) => it.textContent);
                watch("progress", (it) => it.value);
            }"""
        )
        page.select_option("#method", "coalitions")
        decided(page)
        assert record(page)["method"]["name"] == "coalitions"
        seen = page.evaluate("window.seen")
        shares = seen["progress"]
        assert len(shares) > 20
        assert shares == sorted(shares)
        shown = [text for text in seen["countdown"] if "left" in text]
        assert all(
            re.fullmatch(r"\S+ \S*%, (about \d+ \S+|a few seconds) left", one) for one in shown
        )
        aloud = [text for text in seen["progress-aloud"] if text]
        assert 1 <= len(aloud) <= 5
        assert "left" in aloud[0]
        [request] = [one for one in posts(page)[-1:] if "explain" in one.url]
        assert request.headers["accept"] == "application/x-ndjson"

    def test_its_hint_says_how_long_it_takes(self, page):
        page.select_option("#method", "coalitions")
        assert re.search(r"more pictures, about \d+ s here\.", page.inner_text("#method-hint"))

    def test_stop_ends_the_servers_work_and_brings_back_what_was_shown(self, page, running):
        verdict, before = take(page, SIMILAR), numbers(page)
        begin_slow(page)
        assert running.service._slow.inside == 1
        press(page, "#stop")
        slow.until(lambda: running.service._slow.inside == 0, seconds=5)  # of at least 8
        embedded = running.service.counters.embedded
        page.wait_for_timeout(300)
        assert running.service.counters.embedded == embedded
        assert (decided(page), numbers(page)) == (verdict, before)
        assert page.input_value("#method") == "responses"
        assert page.inner_text("#note") == f"Stopped. Shown again is the answer by {RESPONSES}."
        assert page.evaluate("document.activeElement.id") == "method"
        assert not page.is_visible("#progress")
        assert record(page)["method"]["name"] == "responses"

    def test_stop_after_an_exchange_brings_back_the_exchanged_answer(self, page):
        take(page, SIMILAR)
        first = page.inner_text("[data-role=reference] .name")
        begin_slow(page)
        press(page, "#swap")
        page.wait_for_selector("#countdown:text-matches('%')")
        press(page, "#stop")
        decided(page)
        assert page.inner_text("[data-role=test] .name") == first
        assert page.input_value("#method") == "responses"

    def test_stop_of_the_first_answer_has_nothing_to_bring_back(self, page):
        page.select_option("#method", "corrrise")
        press(page, "#samples li:nth-child(2) button")
        page.wait_for_selector("#countdown:text-matches('%')")
        press(page, "#stop")
        expect(page.locator("#status")).to_have_text("Stopped.")
        assert page.evaluate("document.activeElement.id") == "again"
        assert page.input_value("#method") == "corrrise"

    def test_a_measured_curve_comes_back_too(self, page):
        take(page, SIMILAR)
        press(page, "#measure")
        page.wait_for_selector("#curve svg")
        said = page.inner_text("#belief-status")
        begin_slow(page)
        expect(page.locator("#curve-answer")).to_be_hidden()
        press(page, "#stop")
        expect(page.locator("#curve-answer")).to_be_visible()
        assert page.inner_text("#belief-status") == said

    def test_time_that_is_over_brings_back_what_was_shown(self, page):
        verdict = take(page, SIMILAR)
        line = '{"progress": {"done": 1, "total": 9}}\n'
        late = '{"problem": {"status": 504, "detail": "It took longer."}}\n'
        page.route("**/v1/explain", lambda route: route.fulfill(body=line + late))
        page.select_option("#method", "coalitions")
        expect(page.locator("#note")).to_contain_text("It took longer. Shown again is the answer")
        assert decided(page) == verdict


@pytest.mark.parametrize("width", [1280, 360, 320])
def test_it_is_as_wide_as_there_is_room(chromium, running, width):
    size = {"width": width, "height": 800}
    with opened(chromium, running.address, viewport=size) as page:
        take(page, SIMILAR)
        begin_slow(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        press(page, "#stop")
        decided(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
