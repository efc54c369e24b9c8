"""What training records, in the words of the bundle's subject."""

from dataclasses import replace

from lpel_export.bundle.retelling import retold
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import ThresholdRecord
from support.subjects import DIGITS, PARITY, TRAINING


def test_records_of_making_are_put_into_the_words_of_the_subject(tiny_bundle):
    manifest = replace(
        load_bundle(tiny_bundle).manifest,
        parity=PARITY,
        threshold=ThresholdRecord(0.5, {"how": "most accurate on pairs of people", "pairs": 3}),
    )
    training = {**TRAINING, "command": "lpel train --faces people", "history": [{"train": 0.5}]}
    trained = replace(manifest, decoder=replace(manifest.decoder, training=training))
    assert retold(trained) is trained
    of_digits = retold(replace(trained, subject=DIGITS))
    assert of_digits.decoder.training == {
        "method": "Adamax",
        "photographs": {"train": 80, "test": 10},
        "classes": {"train": 8, "test": 1},
        "test_loss": {"decoder": 0.03, "mean_image": 0.04},
        "command": "lpel train --faces people",
        "history": [{"train": 0.5}],
    }
    assert of_digits.parity["decoder"]["inputs"] == "embeddings of 9 digits"
    assert of_digits.threshold.chosen == {"how": "most accurate on pairs of classes", "pairs": 3}
