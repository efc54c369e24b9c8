"""Several faces in one photograph: the page says so, shows which was taken, and takes another."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving import Explainer
from lpel_serving.images.crops import parse_crop
from lpel_serving.report.document import document
from lpel_serving.service.http.settings import Settings
from support import bright
from support.bright import BrightSquares
from support.page.acting import array, choose, decided, posts, record
from support.page.opening import PHONE, opened
from support.page.serving import running

LOOKS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "narrow": PHONE,
}
CARD = "[data-role=test] .found"
SAID = "There are 2 faces in the test photograph; the largest was taken."


@pytest.fixture(scope="module")
def engine(bundle):
    return Explainer.load(bundle, crop=BrightSquares())


@pytest.fixture(scope="module")
def address(bundle):
    with running(Settings(bundle, crops={bright.NAME: BrightSquares()})) as found:
        yield found


@pytest.fixture
def photographs(tmp_path):
    return [
        bright.save(tmp_path / f"{name}.png", picture)
        for name, picture in (("one", bright.ONE), ("two", bright.TWO))
    ]


@pytest.fixture(params=LOOKS)
def page(chromium, address, request):
    with opened(chromium, address, **LOOKS[request.param]) as one:
        one.select_option("#crop", bright.NAME)
        one.touches = request.param == "narrow"
        yield one
        assert one.complaints == []


def taken(page, words: str):
    """Wait until the test's card says what was taken; return the headline."""
    expect(page.locator(f"{CARD} figcaption")).to_have_text(words)
    return decided(page)


def press(page, x: float, y: float):
    """Click, or touch, a place of the test's photograph, in its pixels."""
    canvas = page.locator(f"{CARD} canvas")
    box, (height, width) = canvas.bounding_box(), bright.TWO.shape[:2]
    place = {"x": box["width"] * x / width, "y": box["height"] * y / height}
    (canvas.tap if page.touches else canvas.click)(position=place)


def row(page, y: int) -> list[int]:
    """Red of the drawing of the test's photograph along a line, at each pixel of the photograph."""
    script = """([selector, y, width]) => {
        const canvas = document.querySelector(selector);
        const scale = canvas.width / width;
        const line = canvas.getContext("2d").getImageData(0, y * scale, canvas.width, 1).data;
        return Array.from({ length: width }, (_, x) => line[4 * Math.round(x * scale)]);
    }"""
    return page.evaluate(script, [f"{CARD} canvas", y, bright.TWO.shape[1]])


def watch_fields(page):
    """Keep the fields of whatever the page sends."""
    page.evaluate(
        """() => {
            const send = window.fetch;
            window.sent = [];
            window.fetch = (path, options) => {
                if (options.body) window.sent.push({ path, fields: [...options.body.entries()]
                    .filter(([name]) => name.endsWith("_face")) });
                return send(path, options);
            };
        }"""
    )


def last_sent(page):
    """Which faces the last request asked for."""
    return page.evaluate("Object.fromEntries(window.sent.at(-1).fields)")


def test_several_faces_are_said_and_the_one_that_was_taken_is_marked(page, engine, photographs):
    choose(page, "reference", *photographs)
    taken(page, "2 faces found; the largest was taken.")
    assert page.inner_text("[data-role=reference] .found figcaption") == "1 face found."
    assert page.is_hidden("[data-role=reference] .found label")
    assert SAID in page.inner_text("#words")
    assert record(page)["faces"] == document(engine.explain(*photographs))["faces"]
    line = row(page, 30)  # through both boxes
    assert line[4] == line[36] == 255  # the sides of the one that was taken are unbroken
    assert line[10] < 255
    assert line[45] == 20
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]


def test_another_face_is_taken_by_pressing_it(page, engine, photographs):
    choose(page, "reference", *photographs)
    taken(page, "2 faces found; the largest was taken.")
    press(page, 20, 20)  # the one that is taken already: nothing is asked
    press(page, 58, 28)
    taken(page, "2 faces found; the second largest was taken.")
    assert len(posts(page)) == 2
    expected = engine.explain(*photographs, faces=(None, 1))
    numbers = page.inner_text("#numbers").replace("\N{MINUS SIGN}", "-")
    assert f"{expected.similarity:.3f}" in numbers
    assert SAID.replace("largest", "second largest") in page.inner_text("#words")
    found = record(page)
    assert found["faces"]["test"]["taken"] == 1
    heat_map = array(found["explanations"]["test"]["heat_map"])
    np.testing.assert_array_equal(heat_map, expected.forward.heat_map)


def test_another_face_is_taken_by_the_keyboard(page, photographs):
    choose(page, "reference", *photographs)
    taken(page, "2 faces found; the largest was taken.")
    page.focus(f"{CARD} select")
    page.keyboard.press("ArrowDown")
    taken(page, "2 faces found; the second largest was taken.")
    assert page.evaluate("document.activeElement.matches('[data-role=test] .found select')")
    page.keyboard.press("ArrowUp")
    taken(page, "2 faces found; the largest was taken.")
    assert page.get_by_label("Take face").count() == 2


def test_a_choice_goes_with_its_photograph_and_its_crop(page, photographs):
    choose(page, "reference", *photographs)
    taken(page, "2 faces found; the largest was taken.")
    watch_fields(page)
    page.select_option(f"{CARD} select", "1")
    taken(page, "2 faces found; the second largest was taken.")
    assert last_sent(page) == {"test_face": "1"}
    page.click("#swap")
    second = "[data-role=reference] .found figcaption"
    expect(page.locator(second)).to_have_text("2 faces found; the second largest was taken.")
    decided(page)
    assert last_sent(page) == {"reference_face": "1"}
    page.select_option("#crop", "pad")
    expect(page.locator(second)).to_be_hidden()
    decided(page)
    assert last_sent(page) == {}
    page.select_option("#crop", bright.NAME)
    expect(page.locator(second)).to_have_text("2 faces found; the second largest was taken.")
    choose(page, "reference", photographs[1])
    expect(page.locator(second)).to_have_text("2 faces found; the largest was taken.")


def test_the_faithfulness_check_is_of_the_face_that_was_chosen(page, photographs):
    choose(page, "reference", *photographs)
    taken(page, "2 faces found; the largest was taken.")
    page.select_option(f"{CARD} select", "1")
    taken(page, "2 faces found; the second largest was taken.")
    watch_fields(page)
    page.click("#measure")
    page.wait_for_selector("#curve svg")
    assert posts(page)[-1].url.endswith("/v1/assess")
    assert last_sent(page) == {"test_face": "1"}


@pytest.mark.weights
@pytest.mark.parametrize("look", LOOKS)
def test_two_people_in_one_real_photograph(chromium, bundle, tmp_path, look):
    from lpel_serving.support.progress import silent
    from lpel_tf.demo.photographs import fetch_photographs

    files = list(fetch_photographs(None, silent).values())
    large, small = (Image.open(files[i]).convert("RGB") for i in (1, 3))
    both = Image.new("RGB", (760, 800), "grey")
    both.paste(large.resize((500, 758)), (0, 0))
    both.paste(small.resize((260, 390)), (500, 60))
    both.save(tmp_path / "both.png")
    mtcnn = {"mtcnn": parse_crop("mtcnn")}
    with (
        running(Settings(bundle, crops=mtcnn)) as address,
        opened(chromium, address, **LOOKS[look]) as page,
    ):
        page.select_option("#crop", "mtcnn")
        choose(page, "reference", files[1], tmp_path / "both.png")
        taken(page, "2 faces found; the largest was taken.")
        left, right = (box["left"] for box in record(page)["faces"]["test"]["boxes"])
        assert left < 500 < right
        page.focus(f"{CARD} select")
        page.keyboard.press("ArrowDown")
        taken(page, "2 faces found; the second largest was taken.")
        assert page.complaints == []
