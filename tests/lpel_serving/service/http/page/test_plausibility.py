"""Pictures that show no face: the page says so first, and names no parts of a face."""

from pathlib import Path

import pytest
from PIL import Image

from lpel_serving.service.http.settings import Settings
from support import tiny
from support.confidence import confidence
from support.images import pixels
from support.page.acting import choose, decided
from support.page.opening import opened
from support.page.serving import running
from support.plausibility import odd, plausibility


@pytest.fixture(scope="module")
def knowing_address(tmp_path_factory):
    bundle = tiny.write_bundle(
        tmp_path_factory.mktemp("knowing") / "bundle",
        responds=True,
        confidence=confidence(),
        plausibility=plausibility(),
    )
    with running(Settings(bundle)) as address:
        yield address


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    written = {}
    for name, picture in (("face", pixels(900)), ("other", pixels(901)), ("odd", odd())):
        written[name] = tmp_path / f"{name}.png"
        Image.fromarray(picture).save(written[name])
    return written


@pytest.mark.parametrize("width", [1280, 360])
def test_a_picture_of_another_kind_is_doubted_before_anything_else(
    chromium, knowing_address, files, width
):
    with opened(chromium, knowing_address, viewport={"width": width, "height": 900}) as page:
        choose(page, "reference", files["face"])
        choose(page, "test", files["odd"])
        assert decided(page).startswith("The network calls the two pictures")
        assert page.inner_text("#doubt").startswith("The test picture is not of the kind")
        doubt, decision = (page.locator(one).bounding_box() for one in ("#doubt", "#status"))
        assert doubt["y"] + doubt["height"] <= decision["y"]
        assert doubt["x"] + doubt["width"] <= width
        assert "show one person" not in page.inner_text("#numbers")
        assert not page.is_visible("#parts")
        assert "Nothing is said here of how likely" in page.inner_text("#words")
        page.click("#swap")
        assert page.inner_text("#doubt").startswith("The reference picture is not of the kind")
        assert decided(page).startswith("The network calls the two pictures")
        assert page.inner_text("#doubt").startswith("The reference picture is not of the kind")
        page.click("#swap")
        decided(page)
        choose(page, "test", files["other"])
        assert decided(page).startswith("The network calls the two faces")
        assert not page.is_visible("#doubt")
        assert page.is_visible("#parts")
        assert "show one person" in page.inner_text("#numbers")
        assert page.complaints == []
