"""What `lpel train` says of the bundle that it made: in sentences, and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.crowds import crowds_in_words
from lpel_serving.images.subject import FACES, Subject


def trained_in_words(manifest: Manifest, out: Path) -> str:
    """Describe a bundle and how its networks were trained, a sentence a line."""
    return "\n".join(
        (
            *_photographs_in_words(manifest.training),
            f"Bundle: {out}",
            *_decoder_in_words(manifest),
            f"Threshold {_threshold(manifest)}, {manifest.threshold.chosen['how']}.",
            confidence_in_words(manifest),
            plausibility_in_words(manifest),
            usual_in_words(manifest),
            *(
                f"Parity of the {name}: ONNX differs from Keras by at most "
                f"{report['max_difference']:.1e} on {report['inputs']}."
                for name, report in manifest.parity.items()
            ),
            *_explaining_in_words(manifest),
        )
    )


def _threshold(manifest: Manifest) -> str:
    """On the network's own scale, and of what, if that is not the cosine."""
    own = f"{manifest.comparison.own_of(manifest.threshold.value):.3f}"
    record = manifest.comparison
    return own if record.kind == "cosine" else f"{own} on the {record.measure}"


def trained_in_json(manifest: Manifest, out: Path) -> dict[str, Any]:
    """Give the same as JSON values."""
    threshold, confidence, check = manifest.threshold, manifest.confidence, manifest.plausibility
    explaining = {
        "training": manifest.decoder,
        "responses": manifest.responses,
        "surrogate": manifest.surrogate,
    }
    return {
        "bundle": str(out),
        **{name: one.training for name, one in explaining.items() if one is not None},
        "threshold": {"value": threshold.value, "chosen": threshold.chosen},
        "confidence": None if confidence is None else asdict(confidence),
        "plausibility": None if check is None else asdict(check),
        "usual": None if manifest.usual is None else asdict(manifest.usual),
        "parity": manifest.parity,
    }


def _photographs_in_words(training: Mapping[str, Any]) -> list[str]:
    """Photographs without a face, and with several, where there are any."""
    without_face = training.get("photographs_without_face")
    crowded = crowds_in_words(training.get("photographs_with_several_faces"))
    said = f"{without_face} photographs were left out: no face was found in them."
    return [*([said] if without_face else []), *([crowded] if crowded else [])]


def _decoder_in_words(manifest: Manifest) -> list[str]:
    """Describe the decoder by its loss, if there is one."""
    if manifest.decoder is None:
        return []
    training, subject = manifest.decoder.training, manifest.subject
    loss = training["test_loss"]
    mean = loss["mean_face" if subject == FACES else "mean_image"]
    said = (
        f"Test loss {loss['decoder']:.5f} on {_tested_on(training, subject)}; the mean "
        f"{subject.thing} gives {mean:.5f}, least squares {loss['least_squares']:.5f}."
    )
    return [said]


def _tested_on(training: Mapping[str, Any], subject: Subject) -> str:
    """Say whom the test shows, and how the data were divided."""
    photographs, people = training["photographs"]["test"], training[subject.group_key]["test"]
    if _by_image(training):
        return f"{photographs} other images of the same {people} classes (split by image)"
    return f"{photographs} photographs of {people} other {subject.kinds}"


def _explaining_in_words(manifest: Manifest) -> list[str]:
    """The response decoder and the surrogate, as far as there are any."""
    said: list[str] = []
    if manifest.responses is not None:
        trained = manifest.responses.training
        said.append(
            of_responses_in_words(trained["test_loss"]["vectors"], trained["photographs"]["test"])
        )
    if manifest.surrogate is not None:
        trained = manifest.surrogate.training
        said.append(of_surrogate_in_words(trained["unexplained"], trained["photographs"]["test"]))
    return said


def of_responses_in_words(loss: float, photographs: int) -> str:
    """Describe a response decoder by its loss; 1 is the loss of a constant 0."""
    of = (
        f"what coalitions of superpixels take from the embeddings of {photographs} test photographs"
    )
    if loss >= 1:
        return (
            f"The response decoder is no better than none: its error on {of} is {loss:.2f} times "
            "that of a constant 0. Train on more photographs."
        )
    return f"The response decoder predicts {1 - loss:.0%} of {of}."


def of_surrogate_in_words(
    unexplained: Mapping[str, Mapping[str, Mapping[str, float]]], photographs: int
) -> str:
    """Describe a surrogate by what it leaves unexplained, beside the response decoder."""
    of = (
        f"what coalitions of superpixels of all sizes, by all fills, take from the embeddings of "
        f"{photographs} test photographs"
    )
    loss = unexplained["surrogate"]["all"]["vectors"]
    if loss >= 1:
        return (
            f"The surrogate is no better than none: its error on {of} is {loss:.2f} times that of "
            "a constant 0. Train on more photographs."
        )
    others = {
        "without local features": "without_local_features",
        "the response decoder": "responses",
    }
    beside = [
        f"{words} {1 - unexplained[name]['all']['vectors']:.0%}"
        for words, name in others.items()
        if name in unexplained
    ]
    return f"The surrogate predicts {1 - loss:.0%} of {of} ({', '.join(beside)})."


def plausibility_in_words(manifest: Manifest) -> str:
    """Say what the check of plausibility was fitted on, or that there is none."""
    check = manifest.plausibility
    if check is None:
        return (
            f"No check of plausibility: too few photographs, or {manifest.subject.kinds} held out, "
            "to fit one on. `lpel calibrate` fits one on others."
        )
    return (
        f"Check of plausibility: of {check.fitted['photographs']:,} photographs; at most "
        f"{check.fitted['false_alarms']:.1%} of {_new(manifest)} raise a false alarm."
    )


def confidence_in_words(manifest: Manifest) -> str:
    """Say how the confidence was fitted, or that there is none."""
    if manifest.confidence is None:
        return (
            "No confidence: too few pairs to fit one on, or pairs that the network does not "
            "separate. `lpel calibrate` fits one on others."
        )
    error = manifest.confidence.reliability.calibration_error
    return f"Confidence: {manifest.confidence.fitted['how']}; calibration error {error:.4f}."


def usual_in_words(manifest: Manifest) -> str:
    """Say what the usual maps were measured on, or that they were not."""
    if manifest.usual is None:
        return (
            f"What is usual of maps: not measured, for want of pairs of {manifest.subject.kinds} "
            "held out. "
            "`lpel calibrate` measures it on others."
        )
    measured = manifest.usual.measured
    if _by_image(manifest.training):
        return f"What is usual of maps: measured on {measured['photographs']:,} images held out."
    return (
        f"What is usual of maps: measured on {measured['photographs']:,} photographs of "
        f"{measured[manifest.subject.group_key]:,} {manifest.subject.kinds} held out."
    )


def _new(manifest: Manifest) -> str:
    """What the check of plausibility raises false alarms of."""
    if _by_image(manifest.training):
        return "other images"
    subject = manifest.subject
    return "somebody new's" if subject.of_faces else f"those of new {subject.kinds}"


def _by_image(training: Mapping[str, Any]) -> bool:
    """Whether the data were split by image; what says nothing was split by identity."""
    return training.get("split") == "image"
