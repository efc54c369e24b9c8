"""A decision and its explanation in words that are made from their numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.regions import RegionShare
from lpel_serving.equations.similarity import DECISIONS, is_similar, margin
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.report import caveats
from lpel_serving.report.map_words import on_map
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.wording import number, percent
from lpel_serving.verification.plausibility import PairPlausibility, doubt_of

CLOSE = 0.05
"""A margin less than this is a close call.

By no more did the similarity move in 19 of 20 of 150 of LFW's development pairs, with the published
bundle, when the test was mirrored or moved by a fiftieth of its side.
"""

_SURE, _UNSURE = 0.9, 0.49
"""From here on no doubt is mentioned; from there down the decision is the less likely answer."""

_KNOWN = "the photographs were with which this check was made"
_LEFT_OUT = "Nothing is said here of how likely the two show one person, nor of parts of a face."

ON_CONTROL = "The map is a control, to measure others by: it knows nothing of this pair."
"""All that can be said of a control's map."""


@dataclass(frozen=True)
class Confidence:
    """What a similarity says of the people, by pairs whose answer is known.

    Attributes
    ----------
    same_person
        Share of pairs this similar that show one person, in [0, 1], where as many show one person
        as show two.
    pairs
        How many pairs it was fitted on.
    """

    same_person: float
    pairs: int

    def __post_init__(self) -> None:
        if not 0 <= self.same_person <= 1 or self.pairs < 1:
            raise ParameterError(
                "a confidence is a share in [0, 1], fitted on at least 1 pair; received "
                f"{self.same_person} from {self.pairs}."
            )


@dataclass(frozen=True)
class Verdict:
    """Sentences: what is said of a pair, and what that cannot prove.

    Attributes
    ----------
    words, caveats
        In the order of their weight.
    beside_map
        The one of the caveats that belongs beside the maps, since it limits all that they say; None
        if there is none.
    """

    words: tuple[str, ...]
    caveats: tuple[str, ...]
    beside_map: str | None = None


def compared(
    similarity: float,
    threshold: float,
    *,
    crop: str,
    own_crop: str,
    confidence: Confidence | None = None,
    plausibility: PairPlausibility | None = None,
) -> Verdict:
    """Say what the network decides on a pair, and how sure that is.

    Where an image is not of the kind that the bundle knows, that comes first, and no confidence.

    Parameters
    ----------
    similarity
        Cosine of the two embeddings, in [-1, 1].
    threshold
        The similarity above which the network calls two faces similar.
    crop, own_crop
        How the faces were cut out, and how the bundle has it: see
        `lpel_serving.images.crops.parse_crop`.
    confidence
        What the similarity says of the people; None if that was not fitted.
    plausibility
        Whether the images are of the kind that the bundle knows; None if that is not known.
    """
    plausible = None if plausibility is None else plausibility.plausible
    doubt = doubt_of(plausibility)
    if doubt is not None:
        decision = on_decision(similarity, threshold, of="pictures")
        words = (on_plausibility(doubt), *decision, _LEFT_OUT)
    else:
        words = on_decision(similarity, threshold)
        if confidence is not None:
            words += on_confidence(confidence, similar=is_similar(similarity, threshold))
    fitted = confidence is not None
    return Verdict(
        words,
        caveats.of_decision(crop=crop, own_crop=own_crop, fitted=fitted, plausible=plausible),
    )


def explained(
    pair: PairExplanation,
    of_test: Sequence[RegionShare],
    of_reference: Sequence[RegionShare],
    *,
    method: str,
    crop: str,
    own_crop: str,
    confidence: Confidence | None = None,
) -> Verdict:
    """Say the same of a pair, then which parts of the faces its maps point at.

    Where an image is not of the kind that the bundle knows, no parts are named.

    Parameters
    ----------
    pair
        The pair, explained; of a control's maps it is said what they are, and no more.
    of_test, of_reference
        How its two maps divide among the regions: see
        `lpel_serving.equations.regions.region_shares`.
    method
        Name of the method that explained it.
    crop, own_crop, confidence
        See `compared`.
    """
    decision = compared(
        pair.similarity,
        pair.threshold,
        crop=crop,
        own_crop=own_crop,
        confidence=confidence,
        plausibility=pair.plausibility,
    )
    has_parts = pair.doubt is None and not pair.control
    usual = pair.usual
    common = None if pair.control else caveats.in_common(method, usual, similar=pair.similar)
    limits = decision.caveats + caveats.of_maps(
        method, control=pair.control, regions=has_parts, common=common
    )
    beside_map = common or caveats.of_method(method, control=pair.control)
    if pair.control:  # where its map lies is no reason of the network's
        return Verdict((*decision.words, ON_CONTROL), limits, beside_map)
    if not has_parts:
        return Verdict(decision.words, limits, beside_map)
    reference, test = (pair.swapped.heat_map, of_reference), (pair.forward.heat_map, of_test)

    def say(of: tuple[NDArray[np.float32], Sequence[RegionShare]], where: str) -> tuple[str, ...]:
        return on_map(*of, where, usual, similar=pair.similar)

    words = say(reference, "both pictures")
    if words != say(test, "both pictures"):
        words = say(reference, "the reference picture") + say(test, "the test picture")
    return Verdict(decision.words + words, limits, beside_map)


def on_plausibility(plausibility: PairPlausibility) -> str:
    """Say which images are not of the kind that the bundle knows."""
    kind = f"{doubt_in_short(plausibility)}: to the network"
    if len(plausibility.implausible) > 1:
        return f"{kind} they do not look like photographs of faces, cut out as {_KNOWN}."
    return f"{kind} it does not look like a photograph of a face, cut out as {_KNOWN}."


def doubt_in_short(plausibility: PairPlausibility) -> str:
    """Say the same in few words, without a full stop."""
    first, *second = plausibility.implausible
    subject = "Neither picture is" if second else f"The {first} picture is not"
    return f"{subject} of the kind that this bundle knows"


def on_decision(similarity: float, threshold: float, *, of: str = "faces") -> tuple[str, ...]:
    """Say the decision on two faces, or on two pictures, and by how much it was taken."""
    shown, limit, distance = _shown(similarity, threshold)
    place = f"which is {distance}" if distance else "exactly"
    decision = f"The network calls the two {of} {DECISIONS[is_similar(similarity, threshold)]}."
    numbers = (
        f"Their similarity is {shown}, {place} the threshold of {limit}; "
        "the same picture twice would have 1."
    )
    if abs(margin(similarity, threshold)) >= CLOSE:
        return decision, numbers
    close = "This is a close call: a slightly different photograph could turn it."
    return decision, numbers, close


def in_short(similarity: float, threshold: float) -> str:
    """Say the similarity and the threshold in a few words, and how they lie if they look alike."""
    shown, limit, distance = _shown(similarity, threshold)
    if shown != limit:
        return f"similarity {shown}, threshold {limit}"
    return f"similarity {shown}, {distance or 'exactly'} the threshold {limit}"


def _shown(similarity: float, threshold: float) -> tuple[str, str, str]:
    """Write both to three places, and how far the one is above or below: empty if it is not."""
    by = margin(similarity, threshold)
    # As they are compared, so that rounding cannot exchange them.
    shown, limit = (round(float(np.float32(one)), 3) + 0.0 for one in (similarity, threshold))
    # Of the rounded numbers, so that whoever subtracts finds the same.
    apart = f"{abs(shown - limit):.3f}" if shown != limit else "less than 0.001"
    distance = f"{apart} {'above' if by > 0 else 'below'}" if by else ""
    return number(shown), number(limit), distance


def on_confidence(confidence: Confidence, *, similar: bool) -> tuple[str, ...]:
    """Say how often pairs so similar show one person, and whether that goes with the decision."""
    # No number of pairs makes anything certain.
    same = float(np.clip(confidence.same_person, 1e-6, 1 - 1e-6))
    words = (
        f"Of pairs this similar, {percent(same)} show one person, where as many pairs show one "
        f"person as show two (estimated from {confidence.pairs:,} pairs whose answer is known)."
    )
    right = same if similar else 1 - same
    if right >= _SURE:
        return (words,)
    if right > _UNSURE:
        return words, "That leaves room for doubt."
    kind = "more lenient" if similar else "stricter"
    return words, f"So the decision is the less likely answer: the threshold is {kind} than that."
