"""Records of what is usual that no measuring gives."""

import json
import shutil

import pytest

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from support import tiny
from support.hostile import absent, change, refuse
from support.images import pixels
from support.usual import usual

pytestmark = pytest.mark.hostile

MEASURED = ("usual", "measured")
METHODS = ("usual", "methods")
SIMILAR = (*METHODS, "responses", "similar")
EYES = (*SIMILAR, "for", "eyes")


@pytest.fixture
def bundle(tmp_path):
    """A bundle that knows what is usual, which may be changed."""
    folder = tiny.write_bundle(tmp_path / "bundle", responds=True, usual=usual())
    load_bundle(folder)
    return folder


WRONG = [
    (("usual",), (None, [], 1, "x", {}), "manifest.usual"),
    (MEASURED, (absent, None, [], "by hand"), "manifest.usual.measured"),
    ((*MEASURED, "how"), (absent, None, 1), "manifest.usual.measured.how"),
    ((*MEASURED, "crop"), (absent, None, 0.48), "manifest.usual.measured.crop"),
    ((*MEASURED, "photographs"), (absent, "9", True, 0, -1, 1.5), "measured.photographs"),
    ((*MEASURED, "people"), (absent, 0, {}), "measured.people"),
    ((*MEASURED, "alike"), (None, [], "mtcnn", 0.01), "measured.alike"),
    ((*MEASURED, "alike"), ({"mtcnn": 0.021}, {"mtcnn": -1}, {"mtcnn": "x"}), "alike.mtcnn"),
    (METHODS, (absent, None, [], "all"), "manifest.usual.methods"),
    ((*METHODS, "responses"), (None, [], 3), "manifest.usual.methods.responses"),
    ((*METHODS, "responses", "perhaps"), ({}, None), "expected similar or dissimilar"),
    (SIMILAR, (None, [], "many"), "methods.responses.similar"),
    ((*SIMILAR, "pairs"), (absent, 0, -3, True, "9", 1.5), "similar.pairs"),
    ((*SIMILAR, "common"), (absent, None, "x", 1.01, -1.01, 1e300, 10**400), "similar.common"),
    ((*SIMILAR, "for"), (absent, None, [], {}), "similar.for"),
    ((*SIMILAR, "against"), ([], 1, {}), "similar.against"),
    (EYES, (absent, None, [], {}, 0.3), "similar.for"),
    (
        (*SIMILAR, "for", "ears"),
        ({"mean": 0, "low": 0, "high": 0},),
        "similar.for: expected shares",
    ),
    ((*EYES, "mean"), (absent, None, "x", -0.1, 1.1, True), "for.eyes.mean"),
    ((*EYES, "mean"), (0.99, 0.0), "expected means that sum to 1"),
    ((*EYES, "low"), (absent, -0.1, 1.1), "for.eyes.low"),
    ((*EYES, "low"), (1.0,), "expected low at most high"),
    ((*EYES, "high"), (absent, [], 2), "for.eyes.high"),
]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        pytest.param(place, value, words, id=f"{'.'.join(place)}-{str(value)[:12]}")
        for place, values, words in WRONG
        for value in values
    ],
)
def test_a_missing_or_wrong_value_of_usual_is_refused_and_named(bundle, place, value, words):
    change(bundle, *place, to=value)
    refuse(bundle, words)


@pytest.mark.parametrize("name", ["mean", "low", "high"])
@pytest.mark.parametrize("written", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(bundle, name, written):
    change(bundle, *EYES, name, to="HERE")
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"HERE"', written))
    refuse(bundle)


def test_an_older_engines_bundle_still_loads_and_nothing_is_said(bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "older")
    change(folder, "usual", to=absent)
    explainer = Explainer.load(folder)
    assert explainer.manifest.usual is None
    assert explainer.explain(pixels(0), pixels(1)).usual is None


def test_a_method_or_a_decision_that_was_not_measured_says_nothing(bundle):
    change(bundle, *SIMILAR, to=absent)
    change(bundle, *METHODS, "of-a-later-engine", to={})
    explainer = Explainer.load(bundle)
    assert explainer.manifest.usual.of("responses", "similar") is None
    assert explainer.manifest.usual.of("of-a-later-engine", "similar") is None
    assert explainer.manifest.usual.of("lpel", "similar") is not None
    assert json.loads(explainer.manifest.to_json())["usual"]["methods"]["of-a-later-engine"] == {}
