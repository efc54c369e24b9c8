"""The page of a bundle of digits speaks of digits, and never of faces."""

import pytest
from PIL import Image

from lpel_serving.service.http.settings import Settings
from support.images import pixels
from support.page.acting import choose, decided
from support.page.opening import opened
from support.page.serving import running
from support.plausibility import odd
from support.subjects import of_faces, write_digits


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running(Settings(write_digits(tmp_path_factory.mktemp("digits")))) as found:
        yield found


def texts(page) -> str:
    """All that the page shows, and what it says aloud of its pictures."""
    named = page.evaluate(
        "[...document.querySelectorAll('[aria-label]')].map((it) => it.ariaLabel)"
    )
    return "\n".join([page.title(), page.inner_text("body"), *named])


def test_the_page_of_digits_speaks_of_digits(chromium, address, tmp_path):
    files = {name: tmp_path / f"{name}.png" for name in ("one", "other", "odd")}
    for file, picture in zip(files.values(), (pixels(0), pixels(1), odd()), strict=True):
        Image.fromarray(picture).save(file)
    with opened(chromium, address, begins="Choose two digits") as page:
        assert page.title() == "Why these two digits?"
        page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
        seen = [texts(page)]
        choose(page, "reference", files["one"])
        choose(page, "test", files["other"])
        assert decided(page) == "The network calls the two digits dissimilar."
        assert not page.is_visible("#parts")
        assert "show one class" in page.inner_text("#numbers")
        seen.append(texts(page))
        choose(page, "test", files["odd"])
        decided(page)
        assert "photograph of a digit" in page.inner_text("#doubt")
        seen.append(texts(page))
        assert [found for text in seen for found in of_faces(text)] == []
        assert page.complaints == []
