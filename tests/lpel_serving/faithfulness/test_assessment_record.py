"""What is kept of an assessment: numbers for JSON, and arrays."""

import io
import json

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.assessment_record import (
    BOTH_CAVEAT,
    judgement_record,
    measured_arrays,
)
from lpel_serving.faithfulness.controls import CONTROLS, RANDOM
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import headline, judge, normalised
from lpel_serving.methods.measured.replacement import KINDS
from lpel_serving.report.array_file import npz
from support.networks import BEST, Fixed, Weighing, dissimilar_pairs, similar_pairs

PAIRS = {"similar": similar_pairs, "dissimilar": dissimilar_pairs}
LEVELS = {"similar": range(225, 190, -5), "dissimilar": range(0, 35, 5)}


def measured_with(kind="test", decision="similar", **rivals):
    settings = CurveSettings(kind, 2, 8, every=3, fill=Fill("black"), draws=3)
    pairs = PAIRS[decision](LEVELS[decision])
    rng = np.random.default_rng(0)
    return measure_curves(Weighing(), pairs, ("ours", BEST), settings, rng, rivals=rivals)


def record_of(measured):
    judgement = judge(measured, np.random.default_rng(0))
    return judgement_record(measured, judgement), judgement


every_case = pytest.mark.parametrize(
    ("kind", "decision"), [(kind, decision) for kind in KINDS for decision in PAIRS]
)


@every_case
def test_the_record_comes_back_from_json(kind, decision):
    record, _ = record_of(measured_with(kind, decision))
    text = json.dumps(record, allow_nan=False)
    # A tuple is a list in JSON; nothing else may change.
    assert json.loads(text) == record


@every_case
def test_a_caveat_stands_by_every_curve_that_takes_both_images_apart_and_no_other(kind, decision):
    record, _ = record_of(measured_with(kind, decision))
    assert record.get("caveat") == (BOTH_CAVEAT if kind == "both" else None)
    assert ("caveat" in record) == (kind == "both")


def test_the_caveat_names_the_curve_that_asks_better():
    assert "transplant" in BOTH_CAVEAT
    assert BOTH_CAVEAT.endswith(".")


@pytest.mark.parametrize("decision", PAIRS)
def test_the_record_says_what_was_measured_and_judged(decision):
    measured = measured_with("transplant", decision, theirs=Fixed(-BEST.values))
    record, judgement = record_of(measured)
    assert record["decision"] == decision
    assert record["lower_is_better"] == (decision == "similar")
    assert record["pairs"] == 7
    assert record["method"] == "ours"
    assert record["in_words"] == headline(judgement)
    assert record["settings"] == {
        "kind": "transplant",
        "superpixel": 2,
        "image_size": 8,
        "every": 3,
        "fill": {"name": "black", "variance": 0.09, "grain": 40},
        "shared_noise": False,
        "draws": 3,
    }
    assert record["superpixels_replaced"] == [0, 3, 6, 9, 12, 15, 16]
    assert set(record["mean_curves"]) == {"ours", "theirs", *CONTROLS}
    for curve in (*record["mean_curves"].values(), *record["random_band"]):
        assert len(curve) == 7
    assert record["area"]["low"] <= record["area"]["mean"] <= record["area"]["high"]


def test_every_comparison_is_recorded_as_it_was_made():
    record, judgement = record_of(measured_with(theirs=Fixed(-BEST.values)))
    assert {one["against"] for one in record["comparisons"]} == {"theirs", *CONTROLS}
    for one, made in zip(record["comparisons"], judgement.comparisons, strict=True):
        assert one["against"] == made.against
        assert one["outcome"] == made.outcome
        assert one["words"] == made.words
        for what in ("area", "difference"):
            interval = getattr(made, what)
            assert one[what] == {
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
            }


@every_case
def test_the_arrays_are_every_pairs_curves_and_nothing_else(kind, decision):
    measured = measured_with(kind, decision)
    arrays = measured_arrays(measured)
    assert set(arrays) == {"orders", "superpixels_replaced", "similarities", "normalised"}
    assert arrays["orders"].tolist() == list(measured.names)
    assert arrays["orders"].tolist().count(RANDOM) == 3
    shape = (7, len(measured.names), 7)
    assert arrays["similarities"].shape == arrays["normalised"].shape == shape
    np.testing.assert_array_equal(arrays["normalised"], normalised(measured))
    np.testing.assert_array_equal(arrays["superpixels_replaced"], measured.settings.replaced)


def test_the_arrays_come_back_from_a_file_without_pickle_and_always_the_same():
    arrays = measured_arrays(measured_with())
    data = npz(arrays)
    assert data == npz(arrays)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        assert set(file.files) == set(arrays)
        for name, expected in arrays.items():
            assert file[name].dtype == expected.dtype
            np.testing.assert_array_equal(file[name], expected)


def test_neither_record_nor_arrays_hold_an_embedding_or_a_photograph():
    measured = measured_with()
    record, _ = record_of(measured)
    everything = [*measured_arrays(measured).values()]
    everything += [np.array(curve) for curve in record["mean_curves"].values()]
    numbers = np.concatenate([v.ravel() for v in everything if v.dtype.kind == "f"])
    # Similarities and shares lie in [-1, 1]; embeddings of `Weighing` and pixels lie above 16.
    assert np.abs(numbers).max() <= 1
    assert {v.dtype.kind for v in everything} <= {"f", "i", "U"}
    embedded = similar_pairs(LEVELS["similar"])[0].h_t
    assert embedded.max() > 16
