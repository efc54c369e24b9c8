"""What `lpel train` says of the bundle that it made: in sentences, and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.crowds import crowds_in_words


def trained_in_words(manifest: Manifest, out: Path) -> str:
    """Describe a bundle and how its networks were trained, a sentence a line."""
    return "\n".join(
        (
            *_photographs_in_words(manifest.decoder.training),
            f"Bundle: {out}",
            _decoder_in_words(manifest.decoder.training),
            f"Threshold {manifest.threshold.value:.3f}, {manifest.threshold.chosen['how']}.",
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


def trained_in_json(manifest: Manifest, out: Path) -> dict[str, Any]:
    """Give the same as JSON values."""
    threshold, confidence, check = manifest.threshold, manifest.confidence, manifest.plausibility
    explaining = {"responses": manifest.responses, "surrogate": manifest.surrogate}
    return {
        "bundle": str(out),
        "training": manifest.decoder.training,
        **{name: one.training for name, one in explaining.items() if one is not None},
        "threshold": {"value": threshold.value, "chosen": threshold.chosen},
        "confidence": None if confidence is None else asdict(confidence),
        "plausibility": None if check is None else asdict(check),
        "usual": None if manifest.usual is None else asdict(manifest.usual),
        "parity": manifest.parity,
    }


def _photographs_in_words(training: Mapping[str, Any]) -> list[str]:
    """Photographs without a face, and with several, where there are any."""
    without_face = training["photographs_without_face"]
    crowded = crowds_in_words(training["photographs_with_several_faces"])
    said = f"{without_face} photographs were left out: no face was found in them."
    return [*([said] if without_face else []), *([crowded] if crowded else [])]


def _decoder_in_words(training: Mapping[str, Any]) -> str:
    loss = training["test_loss"]
    return (
        f"Test loss {loss['decoder']:.5f} on {_tested_on(training)}; the mean face gives "
        f"{loss['mean_face']:.5f}, "
        f"least squares {loss['least_squares']:.5f}."
    )


def _tested_on(training: Mapping[str, Any]) -> str:
    """Say whom the test shows, and how the data were divided."""
    photographs, people = training["photographs"]["test"], training["people"]["test"]
    if _by_image(training):
        return f"{photographs} other images of the same {people} classes (split by image)"
    return f"{photographs} photographs of {people} other people"


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
            "No check of plausibility: too few photographs, or people held out, to fit one on. "
            "`lpel calibrate` fits one on others."
        )
    new = "other images" if _by_image(manifest.decoder.training) else "somebody new's"
    return (
        f"Check of plausibility: of {check.fitted['photographs']:,} photographs; at most "
        f"{check.fitted['false_alarms']:.1%} of {new} raise an alarm."
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
            "What is usual of maps: not measured, for want of pairs of people held out. "
            "`lpel calibrate` measures it on others."
        )
    measured = manifest.usual.measured
    if _by_image(manifest.decoder.training):
        return f"What is usual of maps: measured on {measured['photographs']:,} images held out."
    return (
        f"What is usual of maps: measured on {measured['photographs']:,} photographs of "
        f"{measured['people']:,} people held out."
    )


def _by_image(training: Mapping[str, Any]) -> bool:
    """Whether the data were split by image; what says nothing was split by identity."""
    return training.get("split") == "image"
