"""The verdict: a decision and its explanation in sentences, made from their numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.comparison_record import BY_COSINE, ComparisonRecord
from lpel_serving.bundle.origin import MEASURED, Origin, is_measured
from lpel_serving.equations.decision import Confidence, Decision
from lpel_serving.equations.regions import RegionShare
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.description import CONTROL_CAVEAT
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report import caveats
from lpel_serving.report.map_words import MapShares, on_map, shares_of
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.wording import number, percent
from lpel_serving.verification.plausibility import PairPlausibility, doubt_of

CLOSE = 0.05
"""A margin less than this is a close call, for the network that `is_measured`.

In 95 % of 150 development pairs of LFW, with the published bundle, mirroring the test or shifting
it by 2 % of its side changed the similarity by no more.
"""

_SURE, _UNSURE = 0.9, 0.49
"""Probability that the decision is right: bounds of no doubt, and of the less likely answer."""

_KNOWN = "the photographs were with which this check was made"
_LEFT_OUT = "Nothing is said here of how likely the two show one person, nor of parts of a face."
_CHANCE_LEFT_OUT = "Nothing is said here of how likely the two show one person."

_OF_ONE_PICTURE = {
    "cosine": "; the same picture twice would have 1",
    "euclidean": "; the same picture twice would have 0",
    "head": "",
}
"""What an image with itself would have, where that is known."""

ON_CONTROL = "The map is a control, to measure others by: it does not depend on this pair."
"""The only sentence about a control's map."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a pair in sentences, and its caveats.

    Attributes
    ----------
    decision
        The decision, and its margin.
    further
        More sentences, the most important first.
    caveats
        The most important first.
    beside_map
        The one of the caveats that belongs beside the maps, since it limits them most; None if
        there is none.
    doubt
        What precedes the decision where an image is not plausible.
    """

    decision: tuple[str, ...]
    further: tuple[str, ...]
    caveats: tuple[str, ...]
    beside_map: str | None = None
    doubt: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """All sentences but the caveats."""
        return *(() if self.doubt is None else (self.doubt,)), *self.decision, *self.further


def compared(
    decision: Decision,
    *,
    crop: str,
    own_crop: str,
    comparison: ComparisonRecord = BY_COSINE,
    plausibility: PairPlausibility | None = None,
    subject: Subject = FACES,
    embedder: str = MEASURED,
) -> Verdict:
    """Say what the network decides on a pair, and the predicted probability.

    Where an image is not plausible, that comes first, and no probability is given.

    Parameters
    ----------
    decision
        The network's.
    crop, own_crop
        The crop that was used, and the bundle's own: see
        `lpel_serving.images.crops.parse_crop`.
    comparison
        How the network compares.
    plausibility
        Whether the images are plausible; None if the bundle has no such check.
    subject, embedder
        What the bundle compares, and its name of the network.
    """
    plausible = None if plausibility is None else plausibility.plausible
    doubt, confidence = doubt_of(plausibility), decision.confidence
    further = on_closeness(decision) if is_measured(embedder) else ()
    if doubt is not None:
        further += (subject.retell(_LEFT_OUT if subject.of_faces else _CHANCE_LEFT_OUT),)
    elif confidence is not None:
        further += on_confidence(confidence, similar=decision.similar, subject=subject)
    return Verdict(
        on_decision(decision, comparison, of=subject.many if doubt is None else "pictures"),
        further,
        caveats.of_decision(
            crop=crop,
            own_crop=own_crop,
            fitted=confidence is not None,
            plausible=plausible,
            subject=subject,
        ),
        doubt=None if doubt is None else on_plausibility(doubt, subject),
    )


def explained(pair: PairExplanation, shares: MapShares | None = None) -> Verdict:
    """Say the same of an explained pair, then which parts of the faces speak for the decision.

    Where an image is not plausible, or the pictures have no regions, no parts are named.

    Parameters
    ----------
    pair
        The explained pair; of a control's maps only that they are a control's is said.
    shares
        The result of `shares_of`, if it is already computed.

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
        comparison=origin.comparison,
        plausibility=pair.plausibility,
        subject=origin.subject,
        embedder=origin.embedder,
    )
    says_where = pair.doubt is None and not pair.control
    limits = _limits(pair, origin, method, regions=says_where and origin.subject.of_faces)
    if pair.control:  # where its map lies is no reason of the network's
        maps = (ON_CONTROL,)
    else:
        maps = _on_maps(pair, *(shares or shares_of(pair))) if says_where else ()
    return replace(
        verdict,
        further=verdict.further + maps,
        caveats=verdict.caveats + limits,
        beside_map=limits[0],
    )


def _limits(
    pair: PairExplanation, origin: Origin, method: MethodUsed, *, regions: bool
) -> tuple[str, ...]:
    """Return the caveats of a pair's maps, the most important first."""
    if pair.control:
        return caveats.of_maps(CONTROL_CAVEAT, regions=regions)
    common = caveats.in_common(
        method.name,
        pair.usual,
        similar=pair.similar,
        subject=origin.subject,
        embedder=origin.embedder,
    )
    return caveats.of_maps(
        caveats.of_method(method, origin, pair.decision.word),
        regions=regions,
        common=common,
        own_first=caveats.limited_by_prediction(method.name, pair.usual),
    )


def origin_and_method(pair: PairExplanation) -> tuple[Origin, MethodUsed]:
    """Return the origin and the method of an explained pair.

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
    """Describe both maps, in one sentence where the same holds of both."""
    reference, test = (pair.swapped.heat_map, of_reference), (pair.forward.heat_map, of_test)

    def say(of: tuple[NDArray[np.float32], Sequence[RegionShare]], where: str) -> tuple[str, ...]:
        return on_map(*of, where, pair.usual, similar=pair.similar)

    words = say(reference, "both pictures")
    if words == say(test, "both pictures"):
        return words
    return say(reference, "the reference picture") + say(test, "the test picture")


def on_plausibility(plausibility: PairPlausibility, subject: Subject = FACES) -> str:
    """Say which images are not plausible."""
    kind = f"{doubt_in_short(plausibility)}: to the network"
    if len(plausibility.implausible) > 1:
        return f"{kind} they do not look like photographs of {subject.many}, cut out as {_KNOWN}."
    return f"{kind} it does not look like a photograph of {subject.one}, cut out as {_KNOWN}."


def doubt_in_short(plausibility: PairPlausibility) -> str:
    """Say the same in few words, without a full stop."""
    first, *second = plausibility.implausible
    subject = "Neither picture is" if second else f"The {first} picture is not"
    return f"{subject} of the kind that this bundle knows"


def on_decision(
    decision: Decision, comparison: ComparisonRecord = BY_COSINE, *, of: str = "faces"
) -> tuple[str, str]:
    """State the decision on two faces, or on two pictures, and its margin, on its own scale."""
    shown, limit, apart = _shown(decision, comparison)
    place = f"which is {apart}" if apart else "exactly"
    twice = _OF_ONE_PICTURE[comparison.kind]
    numbers = f"Their {comparison.measure} is {shown}, {place} the threshold of {limit}{twice}."
    return f"The network calls the two {of} {decision.word}.", numbers


def on_closeness(decision: Decision) -> tuple[str, ...]:
    """Say whether the decision is a close call."""
    if abs(decision.margin) >= CLOSE:
        return ()
    return ("This is a close call: a slightly different photograph could turn it.",)


def in_short(decision: Decision, comparison: ComparisonRecord = BY_COSINE) -> str:
    """State similarity and threshold briefly, and their difference if they look alike."""
    shown, limit, apart = _shown(decision, comparison)
    if shown != limit:
        return f"{comparison.measure} {shown}, threshold {limit}"
    return f"{comparison.measure} {shown}, {apart or 'exactly'} the threshold {limit}"


def _shown(decision: Decision, comparison: ComparisonRecord) -> tuple[str, str, str]:
    """Write both to three places on their own scale, and the difference, empty if there is none."""
    by, both = decision.margin, (decision.similarity, decision.threshold)
    # As they are compared, so that rounding cannot exchange them.
    own = (comparison.own_of(float(np.float32(one))) for one in both)
    shown, limit = (round(one, 3) + 0.0 for one in own)
    # Of the rounded numbers, so that readers who subtract find the same.
    apart = f"{abs(shown - limit):.3f}" if shown != limit else "less than 0.001"
    is_above = (by > 0) == (comparison.kind != "euclidean")  # a distance falls with likeness
    return number(shown), number(limit), f"{apart} {'above' if is_above else 'below'}" if by else ""


def on_confidence(
    confidence: Confidence, *, similar: bool, subject: Subject = FACES
) -> tuple[str, ...]:
    """State the predicted probability of one person, and whether it agrees with the decision."""
    # No number of pairs makes anything certain.
    same = float(np.clip(confidence.same_person, 1e-6, 1 - 1e-6))
    words = (
        f"Of pairs this similar, {percent(same)} show {subject.same}, where as many pairs show "
        f"{subject.same} as show {subject.other} (estimated from {confidence.pairs:,} pairs whose "
        "answer is known)."
    )
    right = same if similar else 1 - same
    if right >= _SURE:
        return (words,)
    if right > _UNSURE:
        return words, "That leaves room for doubt."
    kind = "more lenient" if similar else "stricter"
    return words, f"So the decision is the less likely answer: the threshold is {kind} than that."
