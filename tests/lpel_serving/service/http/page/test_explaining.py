"""Two faces in, an explanation out: what the page shows is what the engine says."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from lpel_serving.equations.mask import mask
from lpel_serving.methods import find_method
from lpel_serving.report.array_file import arrays
from lpel_serving.support.wording import percent
from support.page.acting import (
    ROLES,
    array,
    choose,
    decided,
    drop,
    names,
    posts,
    record,
    saved,
    take_sample,
)
from support.page.opening import expected


def both_ways(pair):
    return dict(zip(ROLES, (pair.swapped, pair.forward), strict=True))


@pytest.mark.parametrize("number", [1, 2])
def test_a_sample_is_explained_with_one_click(page, engine, number):
    take_sample(page, number)
    pair = expected(engine, (2 * number - 2, 2 * number - 1))
    decision = "similar" if pair.similar else "dissimilar"
    assert page.inner_text("#status") == f"The network calls the two faces {decision}."
    assert names(page) == [["Ada", "Bea"], ["Cleo", "Dora"]][number - 1]
    numbers = page.inner_text("#numbers").replace("\N{MINUS SIGN}", "-")
    assert f"{pair.similarity:.3f}" in numbers
    assert f"{pair.similarity - pair.threshold:+.3f}" in numbers
    assert "Pairs this similar that show one person" in numbers
    assert page.is_visible("#caveats li >> nth=0")
    assert page.locator("#regions tr").count() == 7


def test_the_samples_are_a_similar_and_a_dissimilar_pair(engine):
    assert [expected(engine, pair).similar for pair in ((0, 1), (2, 3))] == [False, True]


def test_pictures_can_be_chosen(page, pictures):
    choose(page, "reference", pictures[0])
    expect(page.locator("#status")).to_have_text("One more face.")
    assert posts(page) == []
    choose(page, "test", pictures[1])
    decided(page)
    assert names(page) == ["ada.png", "bea.png"]


def test_two_pictures_chosen_at_once_fill_both_places(page, pictures):
    choose(page, "test", *pictures[:2])
    decided(page)
    assert names(page) == ["bea.png", "ada.png"]


def test_pictures_can_be_dropped(page, pictures):
    drop(page, "[data-role=test]", pictures[:1])
    page.wait_for_selector("[data-role=test]:not(.empty)")
    drop(page, "footer", pictures[1:2])  # beside both: it goes where there is room
    decided(page)
    assert names(page) == ["bea.png", "ada.png"]


def test_a_picture_can_be_pasted(page, pictures):
    choose(page, "reference", pictures[0])
    page.wait_for_selector("[data-role=reference]:not(.empty)")
    page.evaluate(
        """async () => {
            const blob = await new Promise((done) =>
                document.querySelector("[data-role=reference] canvas").toBlob(done));
            const transfer = new DataTransfer();
            transfer.items.add(new File([blob], "pasted.png"));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        }"""
    )
    decided(page)
    assert names(page) == ["ada.png", "pasted.png"]


def test_no_file_name_is_sent(page, pictures):
    page.evaluate(
        """() => {
            const send = window.fetch;
            window.sent = [];
            window.fetch = (path, options) => {
                for (const [name, value] of options.body ?? []) {
                    window.sent.push([name, value.name ?? value]);
                }
                return send(path, options);
            };
        }"""
    )
    choose(page, "reference", *pictures[:2])
    decided(page)
    assert page.evaluate("window.sent") == [
        ["reference", "reference"],
        ["test", "test"],
        ["method", "responses"],
        ["crop", "none"],
        ["epsilon", "0.7"],
        ["include", "heat_map,reconstruction,crop"],
        ["arrays", "base64"],
    ]


def test_the_answer_that_is_saved_is_the_engines(page, engine):
    take_sample(page)
    document = record(page)
    pair = expected(engine)
    assert document["similarity"] == pytest.approx(pair.similarity, abs=1e-6)
    assert document["method"]["epsilon"] == 0.7
    assert document["agreement"]["mask_iou"] == pytest.approx(pair.agreement.iou)
    for role, explanation in both_ways(pair).items():
        one = document["explanations"][role]
        assert array(one["heat_map"]).tobytes() == explanation.heat_map.tobytes()
        assert array(one["reconstruction"]).tobytes() == explanation.reconstruction.tobytes()
        np.testing.assert_array_equal(array(one["mask"]), explanation.mask)
        assert one["mask_share"] == pytest.approx(explanation.mask.mean())


@pytest.mark.parametrize("epsilon", [0.0, 0.35, 0.7, 0.99])
def test_the_slider_marks_what_the_engine_marks_and_asks_nobody(page, engine, epsilon):
    take_sample(page)
    asked = len(page.asked)
    before = page.evaluate("document.querySelector('[data-role=test] .overlay').toDataURL()")
    page.fill("#epsilon", str(epsilon))
    page.fill("#opacity", "0.3")
    assert page.inner_text("#epsilon-value") == f"{epsilon:.2f}"
    after = page.evaluate("document.querySelector('[data-role=test] .overlay').toDataURL()")
    assert before != after
    assert len(page.asked) == asked
    document = record(page)
    for role, explanation in both_ways(expected(engine)).items():
        marked = array(document["explanations"][role]["mask"])
        np.testing.assert_array_equal(marked, mask(explanation.heat_map, epsilon))
        label = page.get_attribute(f"[data-role={role}] .overlay", "aria-label")
        assert f"The {percent(marked.mean())} of the {role} that matter most" in label


def test_swapping_exchanges_the_roles(page, engine):
    take_sample(page)
    before = record(page)["explanations"]
    page.click("#swap")
    assert names(page) == ["Bea", "Ada"]
    decided(page)
    after = record(page)["explanations"]
    assert after["test"]["heat_map"] == before["reference"]["heat_map"]
    assert after["reference"]["heat_map"] == before["test"]["heat_map"]
    swapped = both_ways(expected(engine, (1, 0)))
    for role in ROLES:
        found = array(after[role]["heat_map"])
        np.testing.assert_allclose(found, swapped[role].heat_map, atol=1e-6)


def test_another_method_explains_anew(page, engine):
    take_sample(page)
    assert page.inner_text("#least") == "against the decision"
    page.select_option("#method", "lpel")
    expect(page.locator("#least")).to_have_text("least")
    decided(page)
    document = record(page)
    assert document["method"]["name"] == "lpel"
    pair = expected(engine, method=find_method("lpel"))
    found = array(document["explanations"]["test"]["heat_map"])
    assert found.tobytes() == pair.forward.heat_map.tobytes()


def test_slow_methods_say_so(page):
    assert "At once" in page.inner_html("#method")
    page.select_option("#method", "occlusion")
    assert "asks the network about" in page.inner_text("#method-hint")
    page.select_option("#method", "corrrise")
    assert "Slow: it asks the network about 1,000 more pictures." in page.inner_text("#method-hint")


def test_the_crop_can_be_chosen_and_samples_bring_their_own(page, engine, pictures):
    choose(page, "reference", *pictures[:2])
    decided(page)
    page.select_option("#crop", "0.5")
    decided(page)
    assert record(page)["crop"] == "0.5"
    take_sample(page, 2)
    assert page.input_value("#crop") == "none"
    page.select_option("#method", "lpel")
    decided(page)
    choose(page, "test", pictures[1])  # one's own are cut as before, and do not go with samples
    expect(page.locator("#status")).to_contain_text("One more face of yours")
    choose(page, "reference", pictures[0])
    decided(page)
    assert page.input_value("#crop") == "0.5"
    assert names(page) == ["ada.png", "bea.png"]


def test_the_arrays_that_are_saved_are_the_engines(page, engine):
    take_sample(page)
    page.fill("#epsilon", "0.4")
    data, name = saved(page, "#save-arrays")
    assert name == "explanation.npz"
    with np.load(io.BytesIO(data)) as found:
        wanted = arrays(expected(engine, epsilon=0.4))
        assert set(found) == set(wanted)
        for key, values in wanted.items():
            np.testing.assert_array_equal(found[key], values, err_msg=key)


def test_the_figure_can_be_saved(page):
    take_sample(page)
    data, name = saved(page, "#save-figure")
    assert name == "explanation.png"
    assert Image.open(io.BytesIO(data)).width > 600
