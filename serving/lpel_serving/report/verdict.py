"""A decision and its explanation in words that are made from their numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.origin import Origin
from lpel_serving.equations.decision import Confidence, Decision
from lpel_serving.equations.regions import RegionShare
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report import caveats
from lpel_serving.report.map_words import MapShares, on_map, shares_of
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
class Verdict:
    """Sentences: what is said of a pair, and what that cannot prove.

    Attributes
    ----------
    decision
        What the network decides, and by how much.
    further
        What more there is to say, in the order of its weight.
    caveats
        In the order of their weight.
    beside_map
        The one of the caveats that belongs beside the maps, since it limits all that they say; None
        if there is none.
    doubt
        What comes before the decision, where an image is not of the kind that the bundle knows.
    """

    decision: tuple[str, ...]
    further: tuple[str, ...]
    caveats: tuple[str, ...]
    beside_map: str | None = None
    doubt: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """All that is said of the pair."""
        return *(() if self.doubt is None else (self.doubt,)), *self.decision, *self.further


def compared(
    decision: Decision,
    *,
    crop: str,
    own_crop: str,
    plausibility: PairPlausibility | None = None,
) -> Verdict:
    """Say what the network decides on a pair, and how sure that is.

    Where an image is not of the kind that the bundle knows, that comes first, and no confidence.

    Parameters
    ----------
    decision
        The network's.
    crop, own_crop
        How the faces were cut out, and how the bundle has it: see
        `lpel_serving.images.crops.parse_crop`.
    plausibility
        Whether the images are of the kind that the bundle knows; None if that is not known.
    """
    plausible = None if plausibility is None else plausibility.plausible
    doubt, confidence = doubt_of(plausibility), decision.confidence
    further = on_closeness(decision)
    if doubt is not None:
        further += (_LEFT_OUT,)
    elif confidence is not None:
        further += on_confidence(confidence, similar=decision.similar)
    return Verdict(
        on_decision(decision, of="faces" if doubt is None else "pictures"),
        further,
        caveats.of_decision(
            crop=crop, own_crop=own_crop, fitted=confidence is not None, plausible=plausible
        ),
        doubt=None if doubt is None else on_plausibility(doubt),
    )


def explained(pair: PairExplanation, shares: MapShares | None = None) -> Verdict:
    """Say the same of a pair, then which parts of the faces its maps point at.

    Where an image is not of the kind that the bundle knows, no parts are named.

    Parameters
    ----------
    pair
        The pair, explained; of a control's maps it is said what they are, and no more.
    shares
        What `shares_of` gives of the pair, where that is at hand.

    Raises
    ------
    ParameterError
        If the pair does not say what explained it.
    """
    origin, method = origin_and_method(pair)
    verdict = compared(
        pair.decision,
        crop=origin.crop,
        own_crop=origin.own_crop,
        plausibility=pair.plausibility,
    )
    has_parts = pair.doubt is None and not pair.control
    name, control, usual = method.name, pair.control, pair.usual
    common = None if control else caveats.in_common(name, usual, similar=pair.similar)
    limits = caveats.of_maps(name, control=control, regions=has_parts, common=common)
    if control:  # where its map lies is no reason of the network's
        maps = (ON_CONTROL,)
    else:
        maps = _on_maps(pair, *(shares or shares_of(pair))) if has_parts else ()
    return replace(
        verdict,
        further=verdict.further + maps,
        caveats=verdict.caveats + limits,
        beside_map=common or caveats.of_method(name, control=control),
    )


def origin_and_method(pair: PairExplanation) -> tuple[Origin, MethodUsed]:
    """Say what explained a pair.

    Raises
    ------
    ParameterError
        If the pair does not say it.
    """
    if pair.origin is None or pair.method is None:
        raise ParameterError(
            "expected a pair that says which bundle and method explained it, as those of "
            "`Explainer.explain` do."
        )
    return pair.origin, pair.method


def _on_maps(
    pair: PairExplanation, of_test: Sequence[RegionShare], of_reference: Sequence[RegionShare]
) -> tuple[str, ...]:
    """Say where both maps lie: once, where the same is to be said of both."""
    reference, test = (pair.swapped.heat_map, of_reference), (pair.forward.heat_map, of_test)

    def say(of: tuple[NDArray[np.float32], Sequence[RegionShare]], where: str) -> tuple[str, ...]:
        return on_map(*of, where, pair.usual, similar=pair.similar)

    words = say(reference, "both pictures")
    if words == say(test, "both pictures"):
        return words
    return say(reference, "the reference picture") + say(test, "the test picture")


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


def on_decision(decision: Decision, *, of: str = "faces") -> tuple[str, str]:
    """Say the decision on two faces, or on two pictures, and by how much it was taken."""
    shown, limit, distance = _shown(decision)
    place = f"which is {distance}" if distance else "exactly"
    numbers = (
        f"Their similarity is {shown}, {place} the threshold of {limit}; "
        "the same picture twice would have 1."
    )
    return f"The network calls the two {of} {decision.word}.", numbers


def on_closeness(decision: Decision) -> tuple[str, ...]:
    """Say of a close call that it is one."""
    if abs(decision.margin) >= CLOSE:
        return ()
    return ("This is a close call: a slightly different photograph could turn it.",)


def in_short(decision: Decision) -> str:
    """Say the similarity and the threshold in a few words, and how they lie if they look alike."""
    shown, limit, distance = _shown(decision)
    if shown != limit:
        return f"similarity {shown}, threshold {limit}"
    return f"similarity {shown}, {distance or 'exactly'} the threshold {limit}"


def _shown(decision: Decision) -> tuple[str, str, str]:
    """Write both to three places, and how far the one is above or below: empty if it is not."""
    by, both = decision.margin, (decision.similarity, decision.threshold)
    # As they are compared, so that rounding cannot exchange them.
    shown, limit = (round(float(np.float32(one)), 3) + 0.0 for one in both)
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
