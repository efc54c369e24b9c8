"""Every state that the page can be in, one after the other, in one page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from support import bright
from support.images import pixels
from support.page.acting import choose, decided
from support.plausibility import odd

EXPLAIN, ASSESS, NETWORK = "**/v1/explain", "**/v1/assess", "**/models/explainer.onnx"


@dataclass(frozen=True)
class Files:
    """Pictures to be chosen, and one that is none."""

    faces: tuple[Path, Path]
    odd: Path
    several: Path
    dark: Path
    notes: Path


def write_files(folder: Path) -> Files:
    paths = [folder / f"{name}.png" for name in ("face", "other", "odd")]
    for path, picture in zip(paths, (pixels(900), pixels(901), odd()), strict=True):
        Image.fromarray(picture).save(path)
    notes = folder / "notes.jpg"
    notes.write_text("no picture")
    several = bright.save(folder / "several.png", bright.TWO)
    dark = bright.save(folder / "dark.png", bright.photograph())
    return Files((paths[0], paths[1]), paths[2], several, dark, notes)


def resume(page) -> None:
    """Go on with what was stopped, or with what was shown before it."""
    if page.is_visible("#again"):
        page.click("#again")
    decided(page)


@contextmanager
def answering(page, pattern: str, answer=lambda _: None):
    """While it is open, requests are answered so: to begin with, not at all."""
    page.route(pattern, answer)
    yield
    page.unroute(pattern)


def every(page, files: Files) -> Iterator[str]:
    """Bring the page into each of its states but that of the key; yield what the state is."""
    yield "as it opens"
    yield from _pairs(page, files)
    yield from _troubles(page, files)
    yield from _methods(page)
    yield from _measured(page)
    yield from _here(page)


def _pairs(page, files: Files):
    choose(page, "reference", files.faces[0])
    page.wait_for_selector("[data-role=reference]:not(.empty)")
    yield "one face"
    with answering(page, EXPLAIN):
        choose(page, "test", files.faces[1])
        page.wait_for_selector("#stop:visible")
        yield "waiting for the first answer"
        page.click("#stop")
        yield "stopped"
    resume(page)
    yield "explained"
    choose(page, "test", files.odd)
    page.wait_for_selector("#doubt:visible")
    yield "doubted"
    page.select_option("#crop", bright.NAME)
    decided(page)
    choose(page, "reference", files.several)
    choose(page, "test", files.dark)
    expect(page.locator("[data-role=test] .complaint")).not_to_be_empty()
    yield "no face found"
    choose(page, "test", files.several)
    decided(page)
    yield "several faces"
    page.select_option("#crop", "pad")
    decided(page)


def _troubles(page, files: Files):
    choose(page, "test", files.notes)
    expect(page.locator("[data-role=test] .complaint")).not_to_be_empty()
    yield "refused"
    with answering(page, EXPLAIN, lambda route: route.abort()):
        page.click("#samples li:nth-child(1) button")
        page.wait_for_selector("#status.failed")
        yield "failed"
    headers = {"Retry-After": "60"}
    with answering(page, EXPLAIN, lambda route: route.fulfill(status=503, headers=headers)):
        page.click("#again")
        page.wait_for_selector("#countdown:text('in 60 s')")
        yield "busy"
        page.click("#stop")
    resume(page)


def _methods(page):
    for group, state in (("Slow", "a slow method"), ("Controls", "a control")):
        choice = f"#method optgroup[label^='{group}'] option:not(:disabled)"
        page.select_option("#method", page.locator(choice).first.get_attribute("value"))
        decided(page)
        yield state
    with answering(page, EXPLAIN):
        page.select_option("#method", "responses")
        page.wait_for_selector("body.stale")
        yield "waiting for another answer"
        page.click("#stop")
    resume(page)


def _measured(page):
    with answering(page, ASSESS):
        page.click("#measure")
        page.wait_for_selector("#measuring:visible")
        yield "measuring"
        page.click("#measure-stop")
    page.click("#measure")
    page.wait_for_selector("#curve svg")
    yield "measured"
    with answering(page, EXPLAIN):
        page.select_option("#method", "lpel")
        page.wait_for_selector("body.stale")
        yield "waiting, after another answer was measured"
        page.click("#stop")


def _here(page):
    with answering(page, NETWORK):
        page.check("#here")
        page.wait_for_selector("#stop:visible")
        yield "fetching the network"
        page.click("#stop")
    page.check("#here")
    resume(page)
    yield "computed here"
