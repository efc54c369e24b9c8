"""What goes wrong is said in plain words, where it went wrong, and can be put right."""

import json
import re
from dataclasses import replace
from zlib import crc32

import pytest
from playwright.sync_api import expect

from lpel_serving.images.cost import MAX_PIECES
from lpel_serving.support.errors import NoFaceError
from support.page.acting import choose, complaint, decided, names, posts, take_sample
from support.page.opening import opened
from support.page.serving import running

REFUSED = "Failed to load resource"
"""What Chromium itself says of every answer that is no success."""


@pytest.fixture
def refused(chromium, address):
    """A page to which the server will say no: nothing else may stand in the console."""
    with opened(chromium, address) as one:
        yield one
        assert one.complaints
        assert all(REFUSED in text for text in one.complaints)


def test_a_text_that_is_named_like_a_picture(page, pictures, tmp_path):
    notes = tmp_path / "notes.jpg"
    notes.write_text("no picture")
    choose(page, "reference", pictures[0])
    choose(page, "test", notes)
    said = complaint(page, "test")
    assert said == (
        "notes.jpg is not a picture that this browser can open. "
        "Choose a file of JPEG, PNG, WEBP, BMP, AVIF or GIF."
    )
    assert page.inner_text("#status") == "That will not do: choose another picture."
    assert posts(page) == []
    assert page.is_visible("[data-role=reference] canvas")
    choose(page, "test", pictures[1])
    decided(page)
    assert page.inner_text("[data-role=test] .complaint") == ""


def test_a_damaged_picture(page, pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:60])
    choose(page, "test", broken)
    assert "is not a picture that this browser can open" in complaint(page, "test")


def test_what_the_server_alone_refuses_is_said_at_its_picture(refused, pictures, tmp_path):
    costly = tmp_path / "costly.png"
    content = pictures[1].read_bytes()
    piece = b"\0\0\0\0tEXt" + crc32(b"tEXt").to_bytes(4)
    costly.write_bytes(content[:33] + piece * (MAX_PIECES + 1) + content[33:])
    choose(refused, "reference", pictures[0])
    choose(refused, "test", costly)
    assert "far too long to decode" in complaint(refused, "test")
    assert refused.inner_text("[data-role=reference] .complaint") == ""
    assert not refused.is_visible("#answer")
    choose(refused, "test", pictures[1])
    decided(refused)


def test_a_crop_that_finds_no_face(chromium, settings):
    def find_nobody(image, size):
        raise NoFaceError("no face was found")

    with (
        running(replace(settings, crops={"finder": find_nobody})) as address,
        opened(chromium, address) as page,
    ):
        take_sample(page)
        page.select_option("#crop", "finder")
        assert complaint(page, "reference") == "reference: no face was found"
        assert page.locator(".explained").count() == 0
        assert not page.is_visible("#answer")
        page.select_option("#crop", "none")
        decided(page)
        assert page.inner_text("[data-role=reference] .complaint") == ""
        assert all(REFUSED in text for text in page.complaints)


def test_a_busy_server_is_asked_again(refused):
    turned_away = []

    def busy(route):
        turned_away.append(route.request.url)
        if len(turned_away) > 2:
            route.fallback()
            return
        detail = json.dumps({"detail": "too many"})
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        route.fulfill(status=503, headers=headers, body=detail)

    refused.route("**/v1/explain", busy)
    refused.click("#samples button")
    expect(refused.locator("#status")).to_have_text(re.compile("The server is busy"))
    assert refused.inner_text("#countdown") == "in 1 s"
    decided(refused)
    assert len(turned_away) == 3


def test_waiting_for_a_busy_server_can_be_stopped(refused):
    headers = {"Retry-After": "60"}
    refused.route("**/v1/explain", lambda route: route.fulfill(status=503, headers=headers))
    refused.click("#samples button")
    refused.wait_for_selector("#countdown:text('in 60 s')")
    refused.click("#stop")
    assert refused.inner_text("#status") == "Stopped."
    assert refused.evaluate("document.activeElement.id") == "again"
    refused.unroute("**/v1/explain")
    refused.click("#again")
    decided(refused)


def test_a_server_that_is_gone(refused):
    refused.route("**/v1/explain", lambda route: route.abort())
    refused.click("#samples button")
    expect(refused.locator("#status")).to_have_text(re.compile("The server does not answer"))
    refused.unroute("**/v1/explain")
    refused.click("#again")
    decided(refused)


def test_a_mistake_of_the_server_is_told_and_may_be_tried_again(refused):
    refused.route("**/v1/explain", lambda route: route.fulfill(status=500, body="oh"))
    refused.click("#samples button")
    expect(refused.locator("#status")).to_have_text(re.compile("does not say why"))
    assert refused.is_visible("#again")


def test_a_newer_request_supersedes_an_older_one(page):
    failed, held = [], []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.route("**/v1/explain", lambda route: held.append(route) if not held else route.fallback())
    page.click("#samples li:nth-child(1) button")
    expect(page.locator("#stop")).to_be_visible()
    take_sample(page, 2)
    assert names(page) == ["Cleo", "Dora"]
    assert [url.rpartition("/")[2] for url in failed] == ["explain"]


def test_what_is_shown_fades_while_it_is_asked_anew(page):
    take_sample(page)
    page.route("**/v1/explain", lambda route: None)
    page.select_option("#method", "lpel")
    page.wait_for_selector("body.stale")
    assert page.is_visible("#answer")
    page.click("#stop")
    assert page.is_visible("#answer")
    by = "“Hiding parts, predicted”"
    assert page.inner_text("#note") == f"Stopped. Shown again is the answer by {by}."


@pytest.fixture
def locked(settings):
    with running(replace(settings, api_key="a-key-of-sixteen-letters")) as found:
        yield found


def test_a_key_is_asked_for_and_kept_in_memory_alone(chromium, locked):
    with opened(chromium, locked, begins="This server wants its key") as page:
        assert page.evaluate("document.activeElement.id") == "key"
        page.fill("#key", "another-key-of-sixteen")
        page.press("#key", "Enter")
        expect(page.locator("#status")).to_have_text("That is not its key.")
        page.fill("#key", "a-key-of-sixteen-letters")
        page.press("#key", "Enter")
        page.wait_for_selector("#samples img")
        take_sample(page)
        assert not page.is_visible("#key")
        assert page.input_value("#key") == ""
        assert all(REFUSED in text for text in page.complaints)
        page.reload()
        page.wait_for_selector("#key:visible")


def test_nothing_is_stored(page):
    take_sample(page)
    assert page.context.cookies() == []
    stored = """async () => [localStorage.length, sessionStorage.length,
        (await indexedDB.databases()).length, (await caches.keys()).length]"""
    assert page.evaluate(stored) == [0, 0, 0, 0]
