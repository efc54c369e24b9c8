"""Deletion curves in a bundle's manifest: kept, looked up, and refused where none made them."""

from dataclasses import replace

import pytest

from lpel_serving.bundle.assessment_record import AssessmentRecord, MeasuredCurve
from lpel_serving.bundle.card import card
from lpel_serving.bundle.loading import load_bundle
from support import tiny
from support.hostile import absent, change, refuse

CURVE = MeasuredCurve(90, "0.5", "8 by 8 superpixels", 0.25, {"random": "better"})
RECORD = AssessmentRecord({}).with_curves(
    "lpel", {"similar": CURVE, "dissimilar": replace(CURVE, pairs=80)}
)


@pytest.fixture
def bundle(tmp_path):
    return tiny.write_bundle(tmp_path / "bundle", assessment=RECORD)


def test_it_changes_nothing_that_an_explainer_was_made_of(bundle, tiny_bundle):
    manifest = load_bundle(bundle).manifest
    assert manifest.assessment == RECORD
    assert manifest.schema == 1
    assert manifest.identity == load_bundle(tiny_bundle).manifest.identity


def test_a_measurement_holds_for_its_decision_and_its_crop():
    assert RECORD.of("lpel", "similar", "0.5") == CURVE
    assert RECORD.of("lpel", "similar", "none") == CURVE
    assert RECORD.of("lpel", "similar", "0.6") is None
    assert RECORD.of("responses", "similar", "0.5") is None
    assert RECORD.of("lpel", "dissimilar", "0.5").pairs == 80
    more = RECORD.with_curves("lpel", {"transplant": replace(CURVE, pairs=70)})
    assert more.of("lpel", "dissimilar", "0.5").pairs == 70  # which has no flaw
    assert more.of("lpel", "similar", "0.5") == CURVE


def test_the_card_lists_it(bundle):
    assert "  lpel, similar (90 pairs, 8 by 8 superpixels): random better" in card(
        load_bundle(bundle).manifest
    )


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ((), (None, [], 1, {}), "manifest.assessment"),
        (("methods",), (absent, None, []), "assessment.methods"),
        (("methods", "lpel"), (None, [], {"all": {}}), "methods.lpel"),
        (("methods", "lpel", "similar"), (None, [], {}), "lpel.similar"),
        (("methods", "lpel", "similar", "pairs"), (absent, 1, True, "9"), "similar.pairs"),
        (("methods", "lpel", "similar", "crop"), (absent, 0.5, None), "similar.crop"),
        (("methods", "lpel", "similar", "how"), (absent, 1), "similar.how"),
        (("methods", "lpel", "similar", "area"), (absent, "x", 10**400), "similar.area"),
        (("methods", "lpel", "similar", "against"), (absent, [], "random"), "similar.against"),
        (("methods", "lpel", "similar", "against", "random"), (1, "best"), "similar.against"),
    ],
)
def test_what_no_assessment_gives_is_refused(bundle, field, values, said):
    whole = {"methods": RECORD.methods}
    for value in values:
        change(bundle, "assessment", *field, to=value)
        refuse(bundle, said)
        change(bundle, "assessment", to=whole)
