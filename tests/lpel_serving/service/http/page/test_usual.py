"""What is usual stands below each share, and the strongest limit beside the maps."""

from pathlib import Path

import pytest
from PIL import Image

from lpel_serving.service.http.settings import Settings
from support import tiny
from support.images import pixels
from support.page.acting import choose, decided, record
from support.page.opening import SPLITTING, opened
from support.page.serving import running
from support.usual import usual


@pytest.fixture(scope="module")
def knowing_address(tmp_path_factory):
    threshold = tiny.ThresholdRecord(SPLITTING, {})
    bundle = tiny.write_bundle(
        tmp_path_factory.mktemp("usual") / "bundle",
        responds=True,
        threshold=threshold,
        usual=usual(SPLITTING),
    )
    with running(Settings(bundle)) as address:
        yield address


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    written = {}
    for name, seed in (("reference", 900), ("test", 901)):
        written[name] = tmp_path / f"{name}.png"
        Image.fromarray(pixels(seed)).save(written[name])
    return written


def expected(region, kind):
    """What the page is to write below a bar."""
    share, usual = region[kind], region[f"usual_{kind}"]
    others = "less: " if share > usual["high"] else "more: " if share < usual["low"] else ""
    return f"usually {others}"


@pytest.mark.parametrize("width", [1280, 320])
def test_what_is_usual_stands_below_each_share(chromium, knowing_address, files, width):
    with opened(chromium, knowing_address, viewport={"width": width, "height": 900}) as page:
        for role, path in files.items():
            choose(page, role, path)
        decided(page)
        saved = record(page)["explanations"]
        assert page.is_visible("#parts-usual")
        for place, region in enumerate(saved["reference"]["regions"]):
            cell = page.locator(f"#regions tr:nth-child({place + 1}) td").first
            bar, below = (cell.locator(one).first for one in (".bar.for", ".usual"))
            assert below.inner_text().startswith(expected(region, "for"))
            mean = f"{100 * region['usual_for']['mean']:.0f}"
            if region["usual_for"]["mean"] > 0.01:
                assert below.inner_text().endswith(f"{mean}\N{NO-BREAK SPACE}%")
            box, other = bar.bounding_box(), below.bounding_box()
            assert box["y"] + box["height"] <= other["y"] + 1
            assert other["x"] + other["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("#swap")
        first = page.locator("#regions tr:nth-child(1) td").first.locator(".usual").first
        assert first.inner_text().startswith(expected(saved["test"]["regions"][0], "for"))
        assert page.complaints == []


@pytest.mark.parametrize("width", [1280, 360])
def test_the_strongest_limit_stands_beside_the_maps_and_nowhere_else(
    chromium, knowing_address, files, width
):
    with opened(chromium, knowing_address, viewport={"width": width, "height": 900}) as page:
        assert not page.is_visible("#map-limit")
        for role, path in files.items():
            choose(page, role, path)
        decided(page)
        limit = page.inner_text("#map-limit")
        assert limit == record(page)["beside_map"]
        assert "common to all faces" in limit
        assert limit not in page.inner_text("#caveats")
        legend, said, decision = (
            page.locator(one).bounding_box() for one in (".legend", "#map-limit", "#status")
        )
        assert legend["y"] < said["y"]
        if width == 1280:
            assert said["y"] + said["height"] <= decision["y"]
        else:  # on a phone the verdict stands right below the faces
            assert decision["y"] + decision["height"] <= legend["y"]
        page.select_option("#method", "centre")
        page.wait_for_selector("#map-limit:text('does not show what the network decides')")
        decided(page)
        assert page.inner_text("#map-limit") not in page.inner_text("#caveats")
        assert not page.is_visible("#parts")
        assert page.complaints == []


def test_a_bundle_that_does_not_know_writes_nothing_below(chromium, address, files):
    with opened(chromium, address) as page:
        for role, path in files.items():
            choose(page, role, path)
        decided(page)
        assert page.is_visible("#parts")
        assert not page.is_visible("#parts-usual")
        assert page.locator(".usual").count() == 0
        limit = page.inner_text("#map-limit")
        assert "nothing was hidden" in limit
        page.check("#here")
        page.wait_for_selector("#words li:text('computed in your browser')")
        assert page.inner_text("#map-limit") == limit
        assert limit not in page.inner_text("#caveats")
        assert page.complaints == []
