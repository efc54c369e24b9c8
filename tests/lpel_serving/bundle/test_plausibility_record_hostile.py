"""Checks of plausibility that no fit gives."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import PLAUSIBILITY_FILE
from lpel_serving.support.errors import BundleError
from support import tiny
from support.hostile import absent, change, refuse
from support.plausibility import plausibility

pytestmark = pytest.mark.hostile

HOME = ("plausibility", "fitted")


@pytest.fixture
def bundle(tmp_path):
    """A bundle with a check, which may be changed."""
    folder = tiny.write_bundle(tmp_path / "bundle", plausibility=plausibility())
    load_bundle(folder)
    return folder


WRONG = [
    (("plausibility",), (None, [], 1, "x", {}), "manifest.plausibility"),
    (
        ("plausibility", "limit"),
        (absent, None, "4", True, 0, -1, 1e-46, 1e-300, 1e39, 1e300, 10**400),
        "manifest.plausibility.limit",
    ),
    (HOME, (absent, None, [], "by hand"), "manifest.plausibility.fitted"),
    ((*HOME, "how"), (absent, None, 1, []), "manifest.plausibility.fitted.how"),
    ((*HOME, "photographs"), (absent, None, "9", True, 0, -1, 1.5), "fitted.photographs"),
    ((*HOME, "photographs_apart"), (absent, 0, {}), "fitted.photographs_apart"),
    ((*HOME, "people_apart"), (absent, 0, 1.5), "fitted.people_apart"),
    ((*HOME, "false_alarms"), (absent, -0.1, 1.1, "0"), "fitted.false_alarms"),
    (("files", PLAUSIBILITY_FILE), (absent,), f"does not list {PLAUSIBILITY_FILE}"),
]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        pytest.param(place, value, words, id=f"{'.'.join(place)}-{str(value)[:12]}")
        for place, values, words in WRONG
        for value in values
    ],
)
def test_a_missing_or_wrong_value_of_plausibility_is_refused_and_named(bundle, place, value, words):
    change(bundle, *place, to=value)
    refuse(bundle, words)


def test_a_file_that_was_altered_is_refused(bundle):
    path = bundle / PLAUSIBILITY_FILE
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    refuse(bundle, "differs from the manifest's SHA-256")


def test_a_file_that_is_gone_is_refused(bundle):
    (bundle / PLAUSIBILITY_FILE).unlink()
    refuse(bundle, "cannot be read")


SIZE = 4 * 7 * 6
NUMBERS = np.ones(7 * 6, "<f4")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has 0 bytes; expected 168"),
        (NUMBERS.tobytes()[:-1], "has 167 bytes"),
        (NUMBERS.tobytes() + b"\0", "has 169 bytes"),
        (np.where(NUMBERS.cumsum() == 9, np.nan, NUMBERS).astype("<f4").tobytes(), "NaN"),
        (np.where(NUMBERS.cumsum() == 9, np.inf, NUMBERS).astype("<f4").tobytes(), "NaN"),
    ],
)
def test_a_file_with_other_numbers_is_refused_though_its_hash_is_right(bundle, data, words):
    (bundle / PLAUSIBILITY_FILE).write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    change(bundle, "files", PLAUSIBILITY_FILE, to=record)
    with pytest.raises(BundleError, match=words):
        Explainer.load(bundle)


def test_the_largest_numbers_raise_an_alarm_and_no_error(bundle):
    data = np.full(7 * 6, np.finfo(np.float32).max, "<f4").tobytes()
    (bundle / PLAUSIBILITY_FILE).write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    change(bundle, "files", PLAUSIBILITY_FILE, to=record)
    check = Explainer.load(bundle).plausibility
    assert not check.plausible(np.ones((1, 6), np.float32)).any()


def test_an_older_engines_bundle_still_loads(bundle, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "older")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["plausibility"], manifest["files"][PLAUSIBILITY_FILE]
    (folder / PLAUSIBILITY_FILE).unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert Explainer.load(folder).plausibility is None
