"""What the page says of a decision: whether it is right, on one scale, in plain words."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving.images.crops import CentreCrop
from lpel_serving.methods import methods
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import LIST, read_samples
from support.page.acting import choose, decided, names, press, take_sample
from support.page.opening import CROPS, opened
from support.page.serving import running, write_samples

NAMES = ["Ada", "Ada", "Cleo", "Cleo", "Ada", "Ada", "Eve", "Fay", "Cleo", "Dora"]
TRUTHS = [True, True, None, False, False]
"""Of a pair called dissimilar, one called similar, and three more."""
WRONG = (
    "The network is wrong: both photographs show Ada. The maps show what the network went by, not "
    "who is in the pictures."
)
RED = {"light": (163, 18, 31), "dark": (255, 156, 148)}


@pytest.fixture(scope="module")
def address(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth") / "samples"
    crops = np.concatenate([CROPS, CROPS[:2], CROPS[:2], CROPS[2:]])
    path = write_samples(folder, crops, NAMES) / LIST
    entries = json.loads(path.read_text(encoding="utf-8"))
    for entry, truth in zip(entries, TRUTHS, strict=True):
        if truth is not None:  # as lists of 0.1 have it
            entry["same_person"] = truth
    path.write_text(json.dumps(entries), encoding="utf-8")
    settings = Settings(bundle, crops={"0.5": CentreCrop(0.5)}, samples=read_samples(folder))
    with running(settings) as found:
        yield found


@pytest.fixture
def page(chromium, address):
    with opened(chromium, address) as one:
        yield one
        assert one.complaints == []


def take(page, number):
    press(page, f"#samples li:nth-child({number}) button")
    decided(page)


def exchange(page, role, path):
    """Take another picture of one's own, as with a mouse."""
    with page.expect_file_chooser() as chooser:
        press(page, f"[data-role={role}] .choose")
    chooser.value.set_files(path)


# ---- the truth ----


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (1, WRONG),
        (2, "The network is right: both photographs show Cleo."),
        (4, "The network is right: the photographs show Eve and Fay."),
    ],
)
def test_where_the_truth_is_known_it_is_said_before_the_words(page, number, says):
    take(page, number)
    assert page.inner_text("#truth") == says
    truth, status, words = (
        page.locator(one).bounding_box() for one in ("#truth", "#status", "#words")
    )
    assert status["y"] < truth["y"] < words["y"]


def test_a_pair_of_two_people_called_similar_is_a_mistake_too(page):
    take(page, 5)
    assert page.inner_text("#truth").startswith(
        "The network is wrong: the photographs show Cleo and Dora."
    )


@pytest.mark.parametrize("scheme", RED)
def test_a_mistake_is_seen_to_be_one(chromium, address, scheme):
    with opened(chromium, address, color_scheme=scheme) as page:
        take(page, 1)
        assert RED[scheme] in colours(page, "#truth")
        take(page, 2)
        assert RED[scheme] not in colours(page, "#truth")


def colours(page, selector) -> set:
    picture = Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")
    return {colour for _, colour in picture.getcolors(1 << 20)}


def test_of_a_pair_whose_truth_is_not_known_nothing_is_said(page):
    take(page, 1)
    take(page, 3)
    expect(page.locator("#truth")).to_be_hidden()


def test_nothing_is_said_of_ones_own_pictures(page, pictures):
    choose(page, "reference", *pictures[:2])
    decided(page)
    expect(page.locator("#truth")).to_be_hidden()


def test_the_truth_outlasts_a_swap_and_another_method(page):
    take(page, 4)
    press(page, "#swap")
    assert page.inner_text("#truth").endswith("the photographs show Fay and Eve.")
    decided(page)
    assert page.inner_text("#truth").endswith("the photographs show Fay and Eve.")
    page.select_option("#method", "lpel")
    decided(page)
    assert page.inner_text("#truth").endswith("the photographs show Fay and Eve.")


@pytest.mark.parametrize("own_crop", ["none", "0.5"])
@pytest.mark.parametrize("role", ["reference", "test"])
def test_the_truth_goes_with_either_face(page, pictures, role, own_crop):
    take(page, 1)
    page.select_option("#crop", own_crop)  # the user's own: the other face stays
    decided(page)
    expect(page.locator("#truth")).to_be_visible()
    exchange(page, role, pictures[2])
    expect(page.locator(f"[data-role={role}] .name")).to_have_text("cleo.png")
    decided(page)
    assert sorted(names(page)) == ["Ada", "cleo.png"]
    expect(page.locator("#truth")).to_be_hidden()


def test_a_face_of_another_sample_makes_no_pair_of_ours(page, pictures):
    take(page, 1)
    exchange(page, "test", pictures[0])  # ours are close-ups: both go
    expect(page.locator("#status")).to_contain_text("One more face of yours")
    expect(page.locator("#truth")).to_be_hidden()


# ---- one scale ----


def places(page):
    """Where the marks of the scale are, as shares of its width."""
    return page.evaluate(
        """() => {
            const [scale] = document.querySelectorAll("#scale svg");
            const { left, width } = scale.getBoundingClientRect();
            const of = (one) => {
                const box = scale.querySelector(one).getBoundingClientRect();
                return (box.left + box.width / 2 - left) / width;
            };
            return { threshold: of("line.threshold"), dot: of("circle") };
        }"""
    )


def numbers(page):
    texts = (page.inner_text(f"#numbers .{one} dd") for one in ("similarity", "threshold"))
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


def draw(page, similarity, threshold):
    """Draw any numbers with the page's own code."""
    page.evaluate(
        """async ([similarity, threshold]) => {
            const { drawScale } = await import("/page/scale.js");
            const margin = similarity - threshold;
            drawScale(document.querySelector("#scale"), { similarity, threshold, margin });
        }""",
        [similarity, threshold],
    )


def test_two_pairs_are_on_one_scale(page):
    for number in (1, 2):
        take(page, number)
        found = places(page)
        expected = [(value + 1) / 2 for value in numbers(page)]
        assert [found["dot"], found["threshold"]] == pytest.approx(expected, abs=0.005)


EXTREMES = [
    *((similarity, 0.387) for similarity in (-1, -0.063, 0.38, 0.387, 0.9, 1)),
    *((0.2, -0.4), (-0.9, -0.8), (0.99, 0.8)),
]


@pytest.mark.parametrize("width", [1280, 360, 320])
def test_the_scale_is_the_same_whatever_is_drawn(chromium, address, width):
    with opened(chromium, address, viewport={"width": width, "height": 800}) as page:
        take(page, 1)
        figure = page.locator("#scale").bounding_box()
        for similarity, threshold in EXTREMES:
            draw(page, similarity, threshold)
            expected = [(value + 1) / 2 for value in (similarity, threshold)]
            found = places(page)
            assert [found["dot"], found["threshold"]] == pytest.approx(expected, abs=0.01)
            texts = page.locator("#scale text")
            words = [text.split()[0] for text in texts.all_text_contents()]
            assert words == ["different", "same", "this", "threshold"]
            boxes = [one.bounding_box() for one in texts.all()]
            for place, one in enumerate(boxes):
                assert figure["x"] - 1 <= one["x"]
                assert one["x"] + one["width"] <= figure["x"] + figure["width"] + 1
                assert not any(overlap(one, other) for other in boxes[:place])


def overlap(one, other) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "width"), ("y", "height"))
    )


# ---- one order ----


def test_the_reference_comes_first_in_words_also_while_a_swap_is_answered(page):
    take(page, 1)
    found = page.evaluate(
        """async () => {
            const { swapped } = await import("/page/answers.js");
            const both = { reference: {}, test: {} };
            const asked = { faces: both };
            const words = [
                "The network calls the two faces similar.",
                "In the reference picture, A.", "Hardly anything there speaks against it.",
                "In the test picture, B.",
                "There are 2 faces in the reference photograph; C.",
                "There are 3 faces in the test photograph; D.",
            ];
            const result = { words, explanations: both, faces: both };
            const alike = ["One.", "In both pictures, A.", "Hardly anything there."];
            return [
                swapped({ result, pictures: both, asked }).result.words,
                swapped({ result: { ...result, words: alike }, pictures: both, asked })
                    .result.words,
            ];
        }"""
    )
    assert found == [
        [
            "The network calls the two faces similar.",
            "In the reference picture, B.",
            "In the test picture, A.",
            "Hardly anything there speaks against it.",
            "There are 3 faces in the reference photograph; D.",
            "There are 2 faces in the test photograph; C.",
        ],
        ["One.", "In both pictures, A.", "Hardly anything there."],
    ]


# ---- plain words ----


def test_the_page_says_nothing_that_needs_a_dictionary(page):
    take(page, 1)
    for method in ("responses", "lpel", "coalitions", "occlusion", "centre"):
        page.select_option("#method", method)
        decided(page)
        press(page, "#measure")
        page.wait_for_selector("#curve svg")
        shown = page.text_content("body")  # what is folded or drawn too
        glossary = page.text_content("#glossary")
        shown = shown.replace(glossary, "")
        # Who unfolds more about a method reads its paper's title, and its parameters.
        shown = shown.replace(page.text_content("#method-about"), "")
        labels = page.evaluate(
            "[...document.querySelectorAll('[aria-label]')].map((one) => one.ariaLabel).join(' ')"
        )
        for word in ("superpixel", "embedding", "even odds", "epsilon", "foretell", "tells"):
            assert word not in f"{shown} {labels}".lower(), (method, word)


def test_every_method_has_a_plain_name_before_its_own(page):
    texts = page.locator("#method option").all_inner_texts()
    assert len(texts) == len(methods())
    for text in texts:
        assert re.fullmatch(r"[A-Z][a-z]+ .+ \([a-z-]+\)(: .+)?", text), text
    assert page.input_value("#method") in {"responses", "lpel"}


def test_how_sure_the_decision_is_is_understood_at_first_reading(page):
    take(page, 1)
    assert "Pairs this similar that show one person" in page.inner_text("#numbers")
    assert "where as many pairs show one person as show two" in page.inner_text("#words")


def test_words_of_the_field_are_explained_where_they_are_looked_for(page):
    press(page, "#glossary summary")
    said = page.inner_text("#glossary")
    for word in ("embedding", "Threshold", "Similarity", "Control", "Decoded", "heat-map"):
        assert word in said


def test_it_is_said_that_each_map_has_a_scale_of_its_own(page):
    take_sample(page)
    assert "a scale of their own" in page.inner_text("#reading")
