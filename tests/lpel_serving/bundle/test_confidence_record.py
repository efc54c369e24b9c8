"""A bundle's confidence: fitted, kept in the manifest, read again."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from lpel_serving.bundle.confidence_record import ConfidenceRecord, fit_confidence
from lpel_serving.bundle.loading import read_manifest
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.support.errors import ParameterError
from lpel_serving.verification.calibration import fit_calibration
from lpel_serving.verification.reliability import measure_reliability
from lpel_tf.pretrained import load_pretrained
from support.confidence import confidence, similarities


@pytest.fixture
def manifest(responding_bundle):
    return read_manifest(responding_bundle)


def test_a_record_is_the_fit_and_its_reliability_on_pairs_held_out():
    record = fit_confidence(*similarities(150, 120), "pairs of the tests")
    calibration = fit_calibration(*similarities(150, 120))
    assert record.calibration == calibration
    assert (record.slope, record.intercept) == (calibration.slope, calibration.intercept)
    assert record.reliability == measure_reliability(*similarities(150, 120))
    assert record.pairs == 270
    assert record.fitted["pairs_same"] == 150
    assert record.fitted["pairs_different"] == 120
    assert record.fitted["how"] == (
        "Platt scaling with prior probability 1/2, on pairs of the tests"
    )


@pytest.mark.parametrize(("n_same", "n_different"), [(49, 50), (9, 500), (500, 9), (0, 0), (99, 0)])
def test_too_few_pairs_give_no_confidence(n_same, n_different):
    assert fit_confidence(*similarities(n_same, n_different), "few") is None


@pytest.mark.parametrize(("n_same", "n_different"), [(50, 50), (10, 90), (90, 10)])
def test_a_hundred_pairs_with_ten_of_each_kind_are_enough(n_same, n_different):
    assert fit_confidence(*similarities(n_same, n_different), "enough").pairs == 100


def test_a_network_that_does_not_tell_people_apart_is_said_to():
    scores, same = similarities()
    with pytest.raises(ParameterError, match="more similar on average"):
        fit_confidence(-scores, same, "pairs")


def test_pairs_without_a_face_must_be_left_out_before():
    scores, same = similarities()
    scores[7] = np.nan
    with pytest.raises(ParameterError, match="leave out pairs without an embedding"):
        fit_confidence(scores, same, "pairs")


# --- in the manifest ---


def test_a_manifest_gives_back_the_confidence_that_it_was_written_with(manifest):
    written = replace(manifest, confidence=confidence())
    read = parse_manifest(written.to_json())
    assert read == written
    assert read.confidence.reliability == confidence().reliability
    assert read.schema == 1


def test_a_manifest_without_one_says_nothing_of_it(manifest):
    assert manifest.confidence is None
    assert "confidence" not in json.loads(manifest.to_json())
    assert parse_manifest(manifest.to_json()).confidence is None


def test_the_confidence_is_no_part_of_the_identity(manifest):
    with_one = replace(manifest, confidence=confidence())
    assert with_one.identity == manifest.identity
    other = replace(manifest, threshold=replace(manifest.threshold, value=0.3))
    assert other.identity != manifest.identity


def test_whole_numbers_will_do_for_coefficients(manifest):
    fields = json.loads(replace(manifest, confidence=confidence()).to_json())
    fields["confidence"] |= {"slope": 20, "intercept": -8}
    read = parse_manifest(json.dumps(fields)).confidence
    assert (read.slope, read.intercept) == (20.0, -8.0)
    assert isinstance(read.slope, float)


# --- the shipped one ---


@pytest.fixture(scope="module")
def shipped() -> ConfidenceRecord:
    return load_pretrained("20170512-110547").confidence


def test_the_shipped_confidence_is_one_that_a_manifest_can_hold(manifest, shipped):
    with_it = replace(manifest, confidence=shipped)
    assert parse_manifest(with_it.to_json()) == with_it


def test_the_shipped_confidence_agrees_with_the_shipped_threshold(shipped):
    threshold = load_pretrained("20170512-110547").threshold
    assert shipped.pairs == threshold.chosen["pairs"]
    assert 0.4 < shipped.calibration.confidence(threshold.value) < 0.6


def test_the_shipped_confidence_says_what_else_its_pairs_were_used_for(shipped):
    assert "threshold was chosen on them too" in shipped.fitted["how"]
    assert "decoders were trained on" in shipped.fitted["how"]
    assert shipped.fitted["command"].startswith("lpel calibrate ")
    assert asdict(shipped)["fitted"]["calibration_error"] < 0.01
