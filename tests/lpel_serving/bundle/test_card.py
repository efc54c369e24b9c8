import json
from dataclasses import replace

import pytest

from lpel_serving.bundle.card import card, facts
from lpel_serving.bundle.loading import read_manifest
from lpel_serving.bundle.manifest import ThresholdRecord
from support.confidence import confidence


@pytest.fixture
def manifest(responding_bundle):
    return read_manifest(responding_bundle)


def text_of(manifest) -> str:
    return "\n".join(card(manifest))


def test_the_card_tells_every_file_network_and_choice(manifest):
    text = text_of(manifest)
    for name, file in manifest.files.items():
        assert f"  {name}: {file.bytes:,} bytes, SHA-256 {file.sha256}" in text
    assert "embedder: tiny" in text
    assert "16 by 16 pixels, RGB, embeddings of 6 features; standardisation: unit" in text
    assert "decoder: pictures of 8 by 8 pixels, RGB\n  method: none" in text
    assert "response decoder: 4 by 4 superpixels" in text
    assert "crop: none" in text
    assert "threshold: 0.2500\n  how: made up for the tests" in text
    assert "written by lpel, schema 1" in text


def test_what_the_manifest_does_not_say_the_card_does_not_say(manifest):
    text = text_of(manifest)
    assert "licence of the weights: not stated" in text
    assert "No licence of the weights is stated" in text
    assert "parity with the original networks: not stated" in text
    assert "does not say whose photographs the decoder was trained on" in text
    assert "does not say whose photographs the response decoder was trained on" in text
    bare = text_of(replace(manifest, responses=None))
    assert "response decoder: none" in bare
    assert "whose photographs the response decoder" not in bare
    licensed = text_of(replace(manifest, licence="CC BY 4.0"))
    assert "licence of the weights: CC BY 4.0" in licensed
    assert "No licence" not in licensed


def test_training_is_told_in_one_line_each(manifest):
    training = {
        "photographs": {"train": 10, "validation": 2},
        "people": {"train": 5},
        "loss": "squared error",
        "test_loss": {"decoder": 0.0316144431696462},
        "history": [{"train": 0.5}] * 13,
        "sizes": [1, 33],
        "recipe": {"fills": [{"name": "blur"}], "deep": {"deeper": 1}},
        "nothing": {},
    }
    text = text_of(replace(manifest, decoder=replace(manifest.decoder, training=training)))
    for line in (
        "photographs: train 10, validation 2",
        "loss: squared error",
        "test_loss: decoder 0.03161",
        "history: (13 entries)",
        "sizes: [1, 33]",
        "recipe: fills (1 entries), deep {…}",
        "nothing: nothing",
    ):
        assert f"\n  {line}\n" in text
    assert "trained on (photographs: train 10, validation 2; people: train 5)" in text


def test_the_facts_hold_the_whole_manifest_and_are_json(manifest):
    document = facts(replace(manifest, threshold=ThresholdRecord(0.5, {"pairs": 3})))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["files"]["embedder.onnx"]["sha256"] == manifest.files["embedder.onnx"].sha256
    assert document["threshold"] == {"value": 0.5, "chosen": {"pairs": 3}}
    assert document["licence"] == "not stated"
    assert document["responses"]["side"] == 4
    assert document["card"]["for"]
    assert document["card"]["not_for"]


# --- the confidence ---


def test_the_card_tells_the_confidence_and_how_it_was_fitted(manifest):
    record = replace(confidence("pairs of the tests"), slope=20.0, intercept=-8.0)
    text = text_of(replace(manifest, confidence=record))
    assert "one person with probability 1 / (1 + exp(8 - 20 s)), where one person and two " in text
    assert "\n  one half at s = 0.4000\n" in text
    assert "\n  how: Platt scaling with prior probability 1/2, on pairs of the tests\n" in text
    assert "\n  pairs: 150 of one person, 150 of two; measured on those held out" in text
    scores = record.reliability
    assert f"calibration error {scores.calibration_error:.4f}, Brier score" in text
    assert f"Brier score {scores.brier_score:.4f}, log loss {scores.log_loss:.4f}\n" in text
    assert "Its confidence is right where one person and two are equally likely" in text
    assert "command:" not in text


def test_the_card_tells_the_command_that_fitted_it(manifest):
    record = confidence()
    record = replace(record, fitted={**record.fitted, "command": "lpel calibrate"})
    assert "\n  command: lpel calibrate\n" in text_of(replace(manifest, confidence=record))


def test_the_diagram_has_a_row_for_each_bin(manifest):
    bins = [
        {"foretold": 0.0, "observed": 0.0, "low": 0.0, "high": 0.0125, "pairs": 1234},
        {"foretold": 0.4, "observed": 0.6, "low": 0.5, "high": 0.7, "pairs": 20},
        {"foretold": 1.0, "observed": 1.0, "low": 0.9, "high": 1.0, "pairs": 7},
    ]
    record = confidence()
    record = replace(record, fitted={**record.fitted, "bins": bins})
    lines = list(card(replace(manifest, confidence=record)))
    start = next(i for i, line in enumerate(lines) if line.startswith(" predicted  observed"))
    assert lines[start + 1 : start + 4] == [
        "     0.00%     0.00%  (  0.0% to   1.2%)     1,234  |" + "." * 24,
        "    40.00%    60.00%  ( 50.0% to  70.0%)        20  " + "#" * 10 + "|####" + "." * 10,
        "   100.00%   100.00%  ( 90.0% to 100.0%)         7  " + "#" * 24 + "|",
    ]
    assert lines[start + 4].startswith("check of plausibility")


def test_without_a_confidence_the_card_says_so_and_what_to_do(manifest):
    text = text_of(manifest)
    assert "\nconfidence: none; `lpel calibrate` fits one on pairs of photographs\n" in text
    assert "Its confidence is right" not in text
    assert facts(manifest)["confidence"] is None


def test_the_facts_hold_the_numbers_of_the_confidence(manifest):
    record = confidence()
    document = facts(replace(manifest, confidence=record))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["confidence"]["slope"] == record.slope
    assert document["confidence"]["fitted"]["bins"] == record.fitted["bins"]
