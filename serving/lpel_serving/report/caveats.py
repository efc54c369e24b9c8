"""Caveats: what a decision and a map cannot prove, chosen by what applies to the pair.

What was measured on one network is said of no other; of another, what its own bundle measured.
"""

from lpel_serving.bundle.assessment_record import MeasuredCurve
from lpel_serving.bundle.origin import MEASURED, Origin, is_measured
from lpel_serving.bundle.usual_record import UsualMaps
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.faithfulness.judgement import by_outcome
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.registry import RESPONSES, SURROGATE_ORDER
from lpel_serving.methods.used import MethodUsed
from lpel_serving.support.wording import listed, percent

_COMMON = "Where such maps were measured, most of each was common to all faces."
_PARTS = ((0.5, "Most"), (0.2, "Much"), (-1.0, "Little"))
"""How it is worded, from which share on."""

_CHECKED = (
    "To the network both pictures are like photographs of faces. That is no proof that they "
    "show any."
)
_DOUBTED = (
    "A network for faces calls many pictures alike that show none, and is wrong more often about "
    "faces that are turned, far off or cut out otherwise: which of these it is here was not "
    "looked for. A picture that passes this check need not show a face either."
)
_DOUBTED_ELSEWHERE = (
    "A network calls many pictures alike that are of no kind that it was trained on. A picture "
    "that passes this check need not show a face either."
)
_UNCHECKED = (
    "Whether the pictures show faces was not checked: this bundle does not know what its faces "
    "look like (`lpel calibrate` adds that). A network for faces calls many pictures alike that "
    "show none."
)
_ILLUSTRATIONS = " Take these as illustrations of the method, not as evidence."
_NAMED = (RANDOM, "centre", "another pair")
"""The controls that a measurement's sentence names: what a map has to beat to mean anything."""


def of_decision(
    *,
    crop: str,
    own_crop: str,
    fitted: bool,
    plausible: bool | None = None,
    subject: Subject = FACES,
) -> tuple[str, ...]:
    """Return the caveats of a decision.

    Parameters
    ----------
    crop, own_crop
        The crop that was used, and the bundle's own.
    fitted
        Whether the bundle predicts the probability that a pair shows one person.
    plausible
        Whether the images are plausible; None if the bundle has no such check.
    subject
        What the bundle compares.
    """
    always = (
        "This shows what the network decided, not who is in the pictures. The network is sometimes "
        "wrong: do not refuse, accuse or watch anybody because of it."
        if subject.of_faces
        else "This shows what the network decided, not whether that is right. The network is "
        "sometimes wrong."
    )
    same, different = subject.same, subject.different
    chance = (
        f"How often pairs this similar show {same} was estimated on photographs of one kind: on "
        f"others, or where most pairs are of {different}, it is another number."
        if fitted
        else f"How often pairs this similar show {same} is not known for this bundle: the "
        "distance from the threshold is no probability."
    )
    if plausible is False:
        chance = "The distance from the threshold is no probability."
    doubted = _DOUBTED if subject.of_faces else _DOUBTED_ELSEWHERE
    of_kind = subject.retell({True: _CHECKED, False: doubted, None: _UNCHECKED}[plausible])
    return always, chance, of_kind, *_of_crop(crop, own_crop, subject, fitted=fitted)


def of_method(used: MethodUsed, origin: Origin, decision: str) -> str:
    """Return the caveat of a method's maps: what a bundle measured of them comes first.

    Parameters
    ----------
    used
        The method, with its parameters.
    origin
        With which bundle and crop it explained.
    decision
        ``similar`` or ``dissimilar``.
    """
    described = used.describe(origin.subject, origin.embedder)
    curve = None
    if origin.assessment is not None and used.is_default:
        curve = origin.assessment.of(used.name, decision, origin.crop)
    if curve is None or described.control:
        return described.caveat
    return f"{on_curve(curve, decision)} {described.general}".strip()


def on_curve(curve: MeasuredCurve, decision: str) -> str:
    """Say which controls a method beat where its deletion curve was measured."""
    parts = by_outcome({name: curve.against[name] for name in _NAMED if name in curve.against})
    random = curve.against.get(RANDOM)
    return (
        f"Where such maps were measured with this network, on {curve.pairs:,} pairs called "
        f"{decision}, their order {listed(parts) or 'was compared with nothing'}."
        f"{'' if random == 'better' else _ILLUSTRATIONS}"
    )


def of_maps(
    caveat: str, *, regions: bool = True, common: str | None = None, own_first: bool = False
) -> tuple[str, ...]:
    """Return the caveats of a method's maps, or a control's, and of their shares of the regions.

    Parameters
    ----------
    caveat
        The method's own.
    regions
        Whether parts of a face are named.
    common
        What `in_common` says of these maps.
    own_first
        Whether the method's own caveat limits its maps more than what they have in common.
    """
    divided = (
        "The parts of a face are taken to lie where an upright face in the middle of the picture "
        "has them; they were not searched for in these two."
    )
    limits = [caveat] if common is None else [common, caveat]  # the most important first
    return *(reversed(limits) if own_first else limits), *([divided] if regions else [])


def limited_by_prediction(method: str, usual: UsualMaps | None) -> bool:
    """Whether a surrogate's maps are mostly of their pair: being predicted then limits them most.

    Parameters
    ----------
    method
        Name of the method.
    usual
        The usual shares of such maps; None if they were not measured.
    """
    return method == SURROGATE_ORDER and usual is not None and usual.common < _PARTS[0][0]


def in_common(
    method: str,
    usual: UsualMaps | None,
    *,
    similar: bool,
    subject: Subject = FACES,
    embedder: str = MEASURED,
) -> str | None:
    """Say how much of a map is common to all faces: the caveat that limits it most.

    Parameters
    ----------
    method
        Name of the method.
    usual
        The usual shares of such maps; None if they were not measured.
    similar
        The decision on the pair.
    subject, embedder
        What the bundle compares, and its name of the network.

    Returns
    -------
    str | None
        None where it was not measured of this network.
    """
    if usual is not None:
        return measured_common(usual, similar=similar, subject=subject)
    return subject.retell(_COMMON) if method == RESPONSES and is_measured(embedder) else None


def measured_common(usual: UsualMaps, *, similar: bool, subject: Subject = FACES) -> str:
    """Say how large the common part of the maps was when it was measured."""
    part = next(word for least, word in _PARTS if usual.common >= least)
    share = percent(max(usual.common, 0))
    return (
        f"{part} of each such map is common to all {subject.many}: {share} of what varies within "
        f"it is the same in other pairs called {DECISIONS[similar]} ({usual.pairs} were measured)."
    )


def _of_crop(crop: str, own_crop: str, subject: Subject, *, fitted: bool) -> tuple[str, ...]:
    if crop == own_crop:
        return ()
    what = "The threshold and that share were" if fitted else "The threshold was"
    if crop == "none":
        caveat = (
            f"{what} fitted on {subject.many} cut out of photographs by the crop {own_crop}. These "
            "pictures were taken whole: that is right if they are cut as those were."
        )
    else:
        caveat = (
            f"{what} fitted on {subject.many} cut out by the crop {own_crop}, these were by the "
            f"crop {crop}: what holds for the one may be off for the other."
        )
    return (caveat,)
