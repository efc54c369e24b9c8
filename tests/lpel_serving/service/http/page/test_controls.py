"""Controls on the page: apart in the menu, and never given as the network's reasons."""

import pytest
from playwright.sync_api import expect

from lpel_serving.equations.mask import mask
from lpel_serving.methods import find_method
from support.page.acting import array, decided, record, take_sample
from support.page.opening import expected

APART = "Controls: they do not depend on the pair"
CONTROLS = ["centre", "constant-relevance", "random"]


@pytest.fixture
def by_centre(page):
    take_sample(page)
    page.select_option("#method", "centre")
    expect(page.locator("#words")).to_contain_text("The map is a control")
    decided(page)
    return page


def test_controls_stand_apart_in_the_menu(page):
    groups = page.locator("#method optgroup")
    assert groups.last.get_attribute("label") == APART
    values = [one.get_attribute("value") for one in groups.last.locator("option").all()]
    assert values == CONTROLS
    for name in CONTROLS:
        page.select_option("#method", name)
        assert "measure others by" in page.inner_text("#method-hint")
        assert "does not show what the network decides by" in page.text_content("#method-said")
    assert "side: Side of the map. It takes a whole number from 1 to 256." in page.text_content(
        "#method-said"
    )


def test_nothing_on_the_page_gives_a_controls_map_as_reasons(by_centre):
    assert by_centre.inner_text("#least") == "least"
    assert by_centre.inner_text("#most") == "most"
    assert not by_centre.is_visible("#parts")
    shown = by_centre.inner_text("main")
    for words in ("speaks", "against the decision", "for the decision", "gathers"):
        assert words not in shown
    label = by_centre.get_attribute("[data-role=test] .overlay", "aria-label")
    assert "that a control ranks highest" in label
    assert "matter" not in label
    assert "has to beat" in by_centre.inner_text("#belief-hint")


def test_what_is_saved_of_a_control_is_the_engines(by_centre, engine):
    pair = expected(engine, method=find_method("centre"))
    saved = record(by_centre)
    assert saved["method"]["control"]
    found = saved["explanations"]["test"]
    assert array(found["heat_map"]).tobytes() == pair.forward.heat_map.tobytes()
    assert (array(found["mask"]) == mask(pair.forward.heat_map, 0.7)).all()


def test_a_method_afterwards_has_its_words_and_parts_again(by_centre):
    by_centre.select_option("#method", "responses")
    expect(by_centre.locator("#words")).to_contain_text("speaks for the decision")
    decided(by_centre)
    assert by_centre.inner_text("#most") == "for it"
    assert by_centre.is_visible("#parts-signed")
    assert not by_centre.is_visible("#parts-unsigned")
    assert by_centre.inner_text("#belief-hint") == ""


def test_of_a_map_without_a_sign_no_side_is_spoken_of(page):
    take_sample(page)
    page.select_option("#method", "lpel")
    expect(page.locator("#most")).to_have_text("most")
    decided(page)
    assert page.is_visible("#parts-unsigned")
    assert not page.is_visible("#parts-signed")
    assert "for it" not in page.locator("#regions").text_content()
