"""Confidences that no fit gives."""

import json
import shutil
from dataclasses import asdict

import pytest

from lpel_serving.bundle.loading import load_bundle
from support.confidence import confidence
from support.hostile import absent, change, refuse

pytestmark = pytest.mark.hostile

HOME = ("confidence", "fitted")
BIN = (*HOME, "bins")


@pytest.fixture
def bundle(tmp_path, tiny_bundle):
    """A bundle with a confidence, which may be changed."""
    folder = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    change(folder, "confidence", to=json.loads(json.dumps(asdict(confidence()))))
    load_bundle(folder)
    return folder


WRONG = [
    (("confidence",), (None, [], 1, "x", {}), "manifest.confidence"),
    (
        ("confidence", "slope"),
        (absent, None, "20", True, 0, -0.0, -1, -20.5, 10**400, -(10**400)),
        "manifest.confidence",
    ),
    (
        ("confidence", "intercept"),
        (absent, None, "-8", False, [], 10**400),
        "manifest.confidence.intercept",
    ),
    (HOME, (absent, None, [], "by hand"), "manifest.confidence.fitted"),
    ((*HOME, "how"), (absent, None, 1, []), "manifest.confidence.fitted.how"),
    ((*HOME, "pairs_same"), (absent, None, "9", True, 0, -1, 1.5), "fitted.pairs_same"),
    ((*HOME, "pairs_different"), (absent, 0, {}), "fitted.pairs_different"),
    (
        (*HOME, "calibration_error"),
        (absent, None, "0", True, -0.1, 1.1, 10**400),
        "fitted.calibration_error",
    ),
    ((*HOME, "brier_score"), (absent, -1, 2), "fitted.brier_score"),
    ((*HOME, "log_loss"), (absent, -0.1, None, 10**400), "fitted.log_loss"),
    (BIN, (absent, None, {}, "x", []), "fitted.bins"),
    (BIN, ([1], [None], ["x"], [[]]), "fitted.bins.0"),
]
WRONG_IN_A_BIN = [
    *((name, (absent, None, "0", True, -0.1, 1.1)) for name in ("foretold", "observed")),
    *((name, (absent, -0.1, 1.1)) for name in ("low", "high")),
    ("pairs", (absent, None, 1.5, True, 0, -1)),
]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        pytest.param(place, value, words, id=f"{'.'.join(place)}-{str(value)[:12]}")
        for place, values, words in WRONG
        for value in values
    ],
)
def test_a_missing_or_wrong_value_of_confidence_is_refused_and_named(bundle, place, value, words):
    change(bundle, *place, to=value)
    refuse(bundle, words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{str(value)[:12]}")
        for name, values in WRONG_IN_A_BIN
        for value in values
    ],
)
def test_a_wrong_value_in_a_bin_is_refused_and_named(bundle, name, value):
    last = asdict(confidence())["fitted"]["bins"]
    broken = {**last[-1], name: value}
    if value is absent:
        del broken[name]
    change(bundle, *BIN, to=[*last[:-1], broken])
    refuse(bundle, f"manifest.confidence.fitted.bins.{len(last) - 1}.{name}")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("key", ["slope", "intercept", "log_loss"])
def test_numbers_that_json_does_not_have_are_refused(bundle, key, value):
    path = bundle / "manifest.json"
    fields = json.loads(path.read_text())
    home = fields["confidence"] if key in fields["confidence"] else fields["confidence"]["fitted"]
    home[key] = "HERE"
    path.write_text(json.dumps(fields).replace('"HERE"', value))
    refuse(bundle, "not JSON")


def test_more_bins_than_anybody_reads_are_refused(bundle):
    one = asdict(confidence())["fitted"]["bins"][0]
    change(bundle, *BIN, to=[one] * 100)
    load_bundle(bundle)
    change(bundle, *BIN, to=[one] * 101)
    refuse(bundle, "fitted.bins: expected 1 to 100 objects, received 101")


def test_what_else_a_maker_says_is_kept(bundle):
    change(bundle, *HOME, "command", to="lpel calibrate")
    assert load_bundle(bundle).manifest.confidence.fitted["command"] == "lpel calibrate"
