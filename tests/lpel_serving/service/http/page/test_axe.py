"""axe-core in every state of the page, wide and narrow, in light, in the dark, in the system's own
colours: nothing is found. Neither are texts that fade, nor names that are not what is seen."""

from collections import defaultdict
from dataclasses import replace

import pytest

from lpel_serving.images.crops import CentreCrop
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import read_samples
from support import bright, tiny
from support.confidence import confidence
from support.page import axe, colours, naming, states
from support.page.opening import CROPS, NAMES, SPLITTING, opened
from support.page.serving import RUNTIME, add_explainer, running, write_samples
from support.plausibility import plausibility

LOOKS = ((1280, "light"), (360, "dark"), (360, "light"), (1280, "dark"))
"""Widths and schemes. axe looks at the first two, every width and scheme; of the others nothing but
the contrasts could differ, and those are looked at here."""
TOO_SHORT = "too short to determine"
"""What axe says of texts of one figure; `colours.TEXTS` does not mind how long they are."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """All that the page can show: doubts, confidence, faces found, samples, computing here."""
    folder = tmp_path_factory.mktemp("states")
    made = tiny.write_bundle(
        folder / "made",
        responds=True,
        threshold=tiny.ThresholdRecord(SPLITTING, {}),
        confidence=confidence(),
        plausibility=plausibility(),
    )
    return Settings(
        add_explainer(made, folder / "bundle"),
        crops={bright.NAME: bright.BrightSquares(), "0.5": CentreCrop(0.5)},
        samples=read_samples(write_samples(folder / "samples", CROPS, NAMES)),
        web_runtime=RUNTIME,
    )


@pytest.fixture(scope="module")
def address(settings):
    with running(settings) as found:
        yield found


class Findings(defaultdict[str, list[str]]):
    """What was found by whom, a line each, with the state it was found in."""

    def __init__(self) -> None:
        super().__init__(list)

    def add(self, kind: str, lines: list[str], where: str) -> None:
        self[kind] += [f"{where}: {line}" for line in lines]


def look_around(page, findings: Findings, state: str) -> None:
    """Look at the page as it is now, in each of its looks."""
    for place, (width, scheme) in enumerate(LOOKS):
        where = f"{state}, {width}, {scheme}"
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        findings.add("texts", colours.below(page.evaluate(colours.TEXTS), 4.5), where)
        findings.add("drawn", colours.below(page.evaluate(colours.DRAWN), 3), where)
        if place < 2:
            look_closely(page, findings, where)


def look_closely(page, findings: Findings, where: str) -> None:
    found = axe.look(page)
    undecided = [line for line in found["undecided"] if TOO_SHORT not in line]
    findings.add("violations", found["violations"], where)
    findings.add("undecided", undecided, where)
    findings.add("misnamed", naming.misnamed(page.evaluate(naming.NAMES)), where)
    findings.add("dangling", page.evaluate(naming.DANGLING), where)
    findings.add("pictures", naming.not_of_this(page.evaluate(naming.PICTURES)), where)


@pytest.fixture(scope="module")
def found(chromium, address, settings, tmp_path_factory) -> Findings:
    """What is found in all states."""
    findings = Findings()
    files = states.write_files(tmp_path_factory.mktemp("files"))
    with opened(chromium, address, reduced_motion="reduce") as page:
        axe.put_in(page)
        for state in states.every(page, files):
            findings["states"].append(state)
            look_around(page, findings, state)
            if state in ("as it opens", "measured"):
                page.emulate_media(forced_colors="active")
                look_around(page, findings, f"{state}, forced colours")
                page.emulate_media(forced_colors="none")
    key = replace(settings, api_key="a-key-of-sixteen-letters")
    begins = {"begins": "This server wants its key", "reduced_motion": "reduce"}
    with running(key) as locked, opened(chromium, locked, **begins) as page:
        axe.put_in(page)
        look_around(page, findings, "key")
    return findings


@pytest.mark.network
@pytest.mark.parametrize(
    "kind", ["violations", "undecided", "texts", "drawn", "misnamed", "dangling", "pictures"]
)
def test_nothing_is_found_in_any_state(found, kind):
    assert len(found["states"]) > 17
    assert found[kind] == []


def test_axe_finds_what_is_wrong(chromium, address):
    """Nothing found is worth nothing if nothing can be."""
    with opened(chromium, address) as page:
        axe.put_in(page)
        page.evaluate(
            """() => {
                const choose = document.querySelector(".choose");
                choose.ariaLabel = "Something else";
                choose.setAttribute("aria-describedby", "nowhere");
                document.querySelector("h1").style.opacity = 0.4;
                document.querySelector("#status").remove();
                document.querySelector("h2").replaceWith(document.createElement("h5"));
            }"""
        )
        wrong = "\n".join(axe.look(page)["violations"])
        assert "label-content-name-mismatch" in wrong
        assert "color-contrast" in wrong
        faint = colours.below(page.evaluate(colours.TEXTS), 4.5)
        assert [text.partition(":")[0] for text in faint] == ["Why these two faces?"]
        assert len(naming.misnamed(page.evaluate(naming.NAMES))) == 1
        assert page.evaluate(naming.DANGLING) == ["nowhere", "pair-title"]
