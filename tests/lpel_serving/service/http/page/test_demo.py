"""The demo's faces and networks on the page: what a user sees, and that both engines agree."""

import json

import numpy as np
import pytest

from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import read_samples
from runtimes.scene import NEAR
from support.page.acting import ROLES, array, decided, record, take_sample
from support.page.opening import opened
from support.page.serving import RUNTIME, add_explainer, running

pytestmark = [pytest.mark.weights, pytest.mark.network]

LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
def address(demo_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo-page") / "bundle"
    bundle = add_explainer(demo_folder / "bundle", folder, "surrogate")
    settings = Settings(
        bundle,
        samples=read_samples(demo_folder / "samples"),
        web_runtime=RUNTIME,
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def demo_pairs(demo_folder):
    """What the demo says of its pairs."""
    return json.loads((demo_folder / "summary.json").read_text(encoding="utf-8"))["pairs"]


def seen_in(look, pairs):
    """All pairs by their number in the first look; in another one of each decision."""
    numbered = list(enumerate(pairs, start=1))
    if look == "light":
        return numbered
    return list({pair["decision"]: (number, pair) for number, pair in numbered}.values())


@pytest.mark.parametrize("look", LOOKS)
def test_a_sample_is_explained(chromium, address, demo_pairs, look, tmp_path):
    with opened(chromium, address, **LOOKS[look]) as page:
        page.screenshot(path=tmp_path / f"{look}-empty.png")
        for number, pair in seen_in(look, demo_pairs):
            take_sample(page, number)
            decision = f"The network calls the two faces {pair['decision']}."
            assert page.inner_text("#status") == decision
            numbers = page.inner_text("#numbers").replace("\N{MINUS SIGN}", "-")
            assert f"{pair['similarity']:.3f}" in numbers
        page.click("#measure")
        page.wait_for_selector("#curve svg")
        page.screenshot(path=tmp_path / f"{look}.png", full_page=True)
        assert page.complaints == []


def test_the_browser_agrees_with_the_server(chromium, address):
    with opened(chromium, address) as page:
        page.check("#here")
        take_sample(page)
        here = record(page)
        assert here["computed"] == "in the browser"
        page.uncheck("#here")
        page.select_option("#method", here["method"]["name"])
        decided(page)
        server = record(page)
        assert server["method"]["name"] == here["method"]["name"]
        assert here["similarity"] == pytest.approx(server["similarity"], abs=NEAR)
        for role in ROLES:
            for name in ("heat_map", "reconstruction"):
                found, expected = (array(one["explanations"][role][name]) for one in (here, server))
                np.testing.assert_allclose(found, expected, atol=NEAR, err_msg=f"{role} {name}")
        assert page.complaints == []
