"""The pair's own curve, on demand: measured with its progress to be seen, and to be stopped."""

import pytest
from playwright.sync_api import expect

from support.page.acting import posts, take_sample

BEGUN = '{"progress": {"done": 1, "total": 9}}\n'
WATCH = """() => {
    window.seen = [];
    const watch = (id, read) => new MutationObserver(() => window.seen.push(read(id))).observe(
        document.getElementById(id), { childList: true, attributes: true });
    watch("measured-count", (id) => document.getElementById(id).textContent);
}"""


@pytest.fixture
def measured(page):
    take_sample(page)
    page.evaluate(WATCH)
    page.click("#measure")
    page.wait_for_selector("#curve svg")
    return page


def test_a_curve_is_drawn_with_its_words(measured):
    assert "random order" in measured.inner_text("#belief-status")
    assert measured.locator("#curve path").count() == 3
    label = measured.get_attribute("#curve svg", "aria-label")
    assert "Area under this map's curve" in label
    assert measured.is_visible("#curve-caveats li >> nth=0")
    assert not measured.is_visible("#measured")
    assert measured.is_visible("#measure")


def test_its_progress_is_told(measured):
    seen = [text.split(" of ") for text in measured.evaluate("window.seen") if " of " in text]
    done = [int(one) for one, _ in seen]
    total = int(seen[0][1])
    assert len(set(done)) > 2
    assert done == sorted(done)
    assert done[-1] == total


def test_another_explanation_takes_the_curve_away(measured):
    measured.select_option("#method", "lpel")
    expect(measured.locator("#curve-answer")).to_be_hidden()
    assert measured.inner_text("#belief-status") == ""


def test_the_curve_is_as_wide_as_there_is_room(measured):
    before = measured.locator("#curve svg").bounding_box()["width"]
    measured.set_viewport_size({"width": 400, "height": 800})
    measured.wait_for_timeout(100)
    after = measured.locator("#curve svg").bounding_box()["width"]
    assert after < before
    assert measured.evaluate("document.documentElement.scrollWidth") <= 400


def test_measuring_can_be_stopped(page):
    take_sample(page)
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url.rpartition("/")[2]))
    page.route("**/v1/assess", lambda route: None)
    page.click("#measure")
    page.click("#measure-stop")
    assert page.inner_text("#belief-status") == "Stopped."
    assert page.evaluate("document.activeElement.id") == "measure"
    assert not page.is_visible("#curve-answer")
    page.wait_for_timeout(100)
    assert failed == ["assess"]
    page.unroute("**/v1/assess")
    page.click("#measure")
    page.wait_for_selector("#curve svg")


def test_what_goes_wrong_on_the_way_is_told(page):
    take_sample(page)
    body = BEGUN + '{"problem": {"status": 503, "detail": "No time."}}\n'
    page.route("**/v1/assess", lambda route: route.fulfill(body=body))
    page.click("#measure")
    expect(page.locator("#belief-status")).to_have_text("No time.")
    assert page.is_visible("#measure")


def test_an_answer_that_breaks_off_is_told(page):
    take_sample(page)
    page.route("**/v1/assess", lambda route: route.fulfill(body=BEGUN))
    page.click("#measure")
    expect(page.locator("#belief-status")).to_contain_text("does not answer")
    assert len(posts(page)) == 2
