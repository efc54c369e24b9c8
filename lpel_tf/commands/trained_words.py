"""Sentences in which `lpel train` describes the bundle that it made."""

from collections.abc import Mapping

from lpel_serving.bundle.manifest import Manifest


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
    return (
        f"Check of plausibility: of {check.fitted['photographs']:,} photographs; at most "
        f"{check.fitted['false_alarms']:.1%} of somebody new's raise an alarm."
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
    return (
        f"What is usual of maps: measured on {measured['photographs']:,} photographs of "
        f"{measured['people']:,} people held out."
    )
