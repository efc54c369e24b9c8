"""What lies between the parts of the page: one thing is begun, and another one is pressed."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.resizing import resize
from support.page.acting import ROLES, choose, decided, posts, record, saved, take_sample
from support.page.odd_pictures import STILL, written
from support.page.opening import opened
from support.page.serving import running

SIMILAR = 2
"""Which of the samples is called so."""
HELD = "**/models/explainer.onnx"


@pytest.fixture
def held(page):
    """The page, which gets the network for the browser only when it is let go."""
    waiting = []
    page.route(HELD, lambda route: waiting.append(route))  # noqa: PLW0108 - Playwright marks what it calls
    yield page
    for route in waiting:
        route.abort()


def begin_here(page):
    page.check("#here")
    expect(page.locator("#stop")).to_be_visible()


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "under way"])
def test_what_is_shown_is_saved_and_measured_while_another_way_was_begun(held, pictures, stopped):
    choose(held, "reference", *pictures[:2])
    decided(held)
    begin_here(held)
    if stopped:
        held.click("#stop")
        expect(held.locator("#note")).to_contain_text("Stopped.")
    picture, _ = saved(held, "#save-figure")
    assert picture.startswith(b"\x89PNG")
    held.click("#measure")
    expect(held.locator("#curve-answer")).to_be_visible()


def test_a_figure_is_of_what_is_shown_while_another_method_is_asked(page, pictures):
    choose(page, "reference", *pictures[:2])
    decided(page)
    page.route("**/v1/explain", lambda route: None, times=1)
    page.select_option("#method", "occlusion")
    page.wait_for_selector("body.stale")
    saved(page, "#save-figure")
    assert b"occlusion" in posts(page)[-2].post_data_buffer
    assert b"occlusion" not in posts(page)[-1].post_data_buffer
    assert b"responses" in posts(page)[-1].post_data_buffer


def test_what_was_done_to_a_picture_comes_back_with_the_answer(held, tmp_path):
    paths = [tmp_path / f"{role}.avif" for role in ROLES]
    for path in paths:
        path.write_bytes(written(STILL, "AVIF"))
    held.select_option("#crop", "1")
    choose(held, "reference", *paths)
    decided(held)
    done = held.locator("[data-role=test] .done")
    expect(done).to_have_text("Converted from AVIF to PNG.")
    begin_here(held)
    expect(done).to_have_text("")
    assert record(held)["prepared"]["test"] == "Converted from AVIF to PNG."
    held.click("#stop")
    expect(done).to_have_text("Converted from AVIF to PNG.")
    assert record(held)["prepared"]["test"] == "Converted from AVIF to PNG."


def test_a_crop_that_the_browser_cannot_cut_comes_back_with_the_server(chromium, settings):

    def upper_left(image, shape):
        return resize(image[:8, :8], shape)

    crops = {"0.5": CentreCrop(0.5), "corner": upper_left}
    with (
        running(replace(settings, crops=crops)) as address,
        opened(chromium, address) as page,
    ):
        page.select_option("#crop", "corner")
        page.check("#here")
        assert page.input_value("#crop") == "none"
        page.uncheck("#here")
        assert page.input_value("#crop") == "corner"
        page.check("#here")
        page.select_option("#crop", "0.5")  # the user's own choice
        page.uncheck("#here")
        assert page.input_value("#crop") == "0.5"


def test_a_method_is_said_to_cost_what_it_costs_of_the_pair_that_is_shown(page):
    take_sample(page, SIMILAR)
    about = page.evaluate("fetch('/v1/about').then((response) => response.json())")
    costs = next(one for one in about["methods"] if one["name"] == "coalitions")["costs"]
    said = {decision: f"{cost['embeddings']:,} more pictures" for decision, cost in costs.items()}
    page.select_option("#method", "coalitions")
    assert said["similar"] in page.inner_text("#method-hint")


def test_a_phone_shows_what_comes_of_another_method(chromium, address):
    look = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    with opened(chromium, address, **look) as page:
        take_sample(page, SIMILAR)
        page.locator("#method").scroll_into_view_if_needed()
        page.locator("#method").tap()
        page.keyboard.press("Escape")
        expect(page.locator("#status")).not_to_be_in_viewport()
        page.select_option("#method", "occlusion")
        decided(page)
        expect(page.locator("#status")).to_be_in_viewport()
        expect(page.locator("[data-role=test] .overlay")).to_be_in_viewport(ratio=1)
