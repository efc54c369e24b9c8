"""What a bundle compares, in its manifest."""

import json

import pytest

from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.images.subject import FACES, SUBJECTS, Subject
from support import tiny
from support.hostile import absent, change, refuse

OWN = Subject("a stamp", "stamps", "one issue", "two issues")


@pytest.fixture
def bundle(tmp_path):
    return tiny.write_bundle(tmp_path / "bundle", subject=OWN)


def written(manifest: Manifest) -> dict:
    return json.loads(manifest.to_json())


def test_a_bundle_of_faces_says_nothing_new(tiny_bundle):
    manifest = load_bundle(tiny_bundle).manifest
    assert manifest.subject == FACES
    assert "subject" not in written(manifest)
    assert list(written(manifest))[-1] == "schema"
    assert written(manifest)["schema"] == manifest.schema == 1


@pytest.mark.parametrize("subject", [*SUBJECTS.values(), OWN], ids=lambda one: one.many)
def test_a_subject_is_read_as_it_was_written(subject, tmp_path):
    manifest = load_bundle(tiny.write_bundle(tmp_path / "bundle", subject=subject)).manifest
    assert manifest.subject == subject
    assert parse_manifest(manifest.to_json()) == manifest
    assert manifest.schema == (1 if subject == FACES else 2)


def test_a_subject_is_part_of_what_a_bundle_is(bundle, tiny_bundle):
    of_stamps, of_faces = (load_bundle(one).manifest.identity for one in (bundle, tiny_bundle))
    assert of_stamps != of_faces


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ((), (None, [], "digits", {}), "manifest.subject"),
        (("one",), (absent, 1, None, [], "", "stamp", "a\nstamp", "a " * 40), "subject"),
        (("many",), (absent, True, "", " stamps", "s" * 61), "subject"),
        (("same",), (absent, {}, "issue"), "subject"),
        (("different",), (absent, 2, "issues"), "subject"),
        (("regions",), (1, [], "hand", ""), "subject"),
    ],
)
def test_words_that_are_none_are_refused(bundle, field, values, said):
    for value in values:
        change(bundle, "subject", *field, to=value)
        refuse(bundle, said)
        change(bundle, "subject", to=written_subject())


def written_subject() -> dict:
    return {**OWN.words, "regions": None}
