"""`lpel calibrate`: fits the probability that two faces show the same person, and plausibility."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lpel_serving.commands.shared.applies import DRAWN, check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
    FacesOption,
    IdentitiesOption,
    JsonOption,
    ListPassedOverOption,
    MostBadOption,
    ProviderOption,
    SeedOption,
    ThreadsOption,
    print_json,
    say,
)
from lpel_serving.commands.shared.passed_over import report
from lpel_serving.images.datasets.passed_over import MOST_BAD, Unusable

if TYPE_CHECKING:
    from lpel_serving.bundle.confidence_record import ConfidenceRecord
    from lpel_serving.bundle.plausibility_record import FittedPlausibility
    from lpel_serving.bundle.usual_record import UsualRecord
    from lpel_serving.images.subject import Subject

_FEW = "takes photographs that give at least 50 pairs which the network decides alike"
_NO_USUAL = {
    True: f"what is usual of maps: it stays as it was; to measure it {_FEW}",
    False: f"what is usual of maps: not measured; that {_FEW}",
}
"""By whether the bundle had it before."""


def calibrate(
    context: typer.Context,
    bundle: BundleOption,
    faces: FacesOption,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs in LFW's format; drawn at random when left out."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=100, help="How many pairs to draw.")] = 1000,
    on: Annotated[
        str | None,
        typer.Option(
            help="What pairs these are, for the bundle's card.",
            show_default="a list of pairs, or pairs drawn at random",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the new bundle; the bundle itself is completed when not given.",
            show_default=False,
        ),
    ] = None,
    identities: IdentitiesOption = None,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Fit the probability that two faces are of one person, and keep it in the bundle.

    How reliable these probabilities are is measured on pairs held out, and reported. The check of
    plausibility, which says whether a picture is of the kind that the bundle knows, is fitted on
    the photographs too, unless the bundle has one that holds for them. What share of a map each
    part of a face usually has is measured on pairs of them.
    """
    from dataclasses import asdict

    import numpy as np

    from lpel_serving.bundle.card import confidence_lines, plausibility_lines, usual_lines
    from lpel_serving.bundle.confidence_record import fit_confidence
    from lpel_serving.bundle.folder import check_replaceable, put_copy
    from lpel_serving.commands.shared.given import given_pairs, measure
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.images.datasets.pairs import sample_pairs

    check_applies(context, pairs is None, DRAWN, "--n", "--identities")
    target = bundle if out is None else out
    check_replaceable(target)
    kind = "pairs drawn at random" if pairs is None else "a list of pairs"
    unusable = Unusable(most_bad, names=list_passed_over)
    rng = np.random.default_rng(seed)
    given = given_pairs(faces, identities, pairs, lambda all_: sample_pairs(all_, n, rng), unusable)
    explainer = Explainer.load(bundle, provider=provider, threads=threads)
    measured = measure(explainer, given)
    report(given.all_passed_over(), names=list_passed_over, header=given.header)
    same = measured.same
    with measured.blamed():
        record = fit_confidence(measured.similarities, same, on or kind)
        record = _enough(record, same, explainer.manifest.subject)
    fitted, why = _fit_check(explainer, measured, rng, f"the photographs of {on or kind}")
    usual = _usual(explainer, measured, seed, f"the photographs of {on or kind}")
    manifest, new = _completed(explainer.manifest, record, fitted, usual)
    put_copy(bundle, target, manifest, new)
    if json:
        check = manifest.plausibility
        document = {
            "bundle": str(target),
            "confidence": asdict(record),
            "plausibility": None if check is None else asdict(check),
            "plausibility_fitted": fitted is not None,
            "usual": None if manifest.usual is None else asdict(manifest.usual),
            "usual_measured": usual is not None,
        }
        print_json(document | measured.in_json(names=list_passed_over))
        return
    subject = explainer.manifest.subject
    check_lines = [why] if fitted is None else plausibility_lines(fitted.record, subject)
    known = explainer.manifest.usual is not None
    usual_said = [_NO_USUAL[known]] if usual is None else usual_lines(usual)
    said = confidence_lines(record, subject)
    lines = [*measured.in_words(), *said, *check_lines, *usual_said]
    say("\n".join([*lines, f"Bundle: {target}"]))


def _enough(record: "ConfidenceRecord | None", same: Any, subject: "Subject") -> "ConfidenceRecord":
    from lpel_serving.bundle.confidence_record import LEAST_OF_A_KIND, LEAST_PAIRS
    from lpel_serving.support.errors import PairsError

    if record is None:
        raise PairsError(
            f"a confidence needs at least {LEAST_PAIRS} pairs that show {subject.many}, "
            f"{LEAST_OF_A_KIND} of {subject.same} and as many of {subject.other}; received "
            f"{same.sum()} and {(~same).sum()}. Nothing was written."
        )
    return record


def _fit_check(
    explainer: Any, measured: Any, rng: Any, photographs: str
) -> "tuple[FittedPlausibility | None, str]":
    """Fit the check of plausibility, or say why the bundle keeps its own, or has none."""
    from lpel_serving.bundle.plausibility_record import fit_on_people
    from lpel_serving.verification.plausibility import LEAST_BY_FEATURE, LEAST_PEOPLE, holds

    embeddings, what = measured.embeddings, "check of plausibility:"
    if explainer.plausibility is not None:
        alarms = int((~explainer.plausibility.plausible(embeddings)).sum())
        if holds(alarms, len(embeddings)):
            why = f"it raises an alarm at {alarms} of these {len(embeddings)} photographs"
            return None, f"{what} it stays as it was; {why}"
        what += f" it stays, though it raises an alarm at {alarms} of {len(embeddings)};"
    else:
        what += " none;"
    subject = explainer.manifest.subject
    fitted = fit_on_people(embeddings, measured.identities, rng, photographs, subject)
    least = 2 * LEAST_BY_FEATURE * embeddings.shape[1]
    enough = f"another takes about {least:,} photographs of {2 * LEAST_PEOPLE} {subject.kinds}"
    people = len(set(measured.identities))
    return fitted, f"{what} {enough}, received {len(embeddings):,} of {people}"


def _usual(explainer: Any, measured: Any, seed: int, photographs: str) -> "UsualRecord | None":
    """Measure the usual shares on the photographs, if these are enough."""
    import numpy as np

    from lpel_serving.engine.usual import measure_usual
    from lpel_serving.engine.usual_pairs import reading

    return measure_usual(
        explainer,
        measured.embeddings,
        measured.identities,
        explainer.manifest.threshold.value,
        np.random.default_rng(seed),
        responds=explainer.responds,
        crop=explainer.manifest.crop,
        on=photographs,
        subject=explainer.manifest.subject,
        read=reading(explainer.embedder, measured.photographs) if explainer.simulates else None,
    )


def _completed(
    manifest: Any,
    confidence: Any,
    fitted: "FittedPlausibility | None",
    usual: "UsualRecord | None",
) -> tuple[Any, dict[str, bytes]]:
    """Return the new manifest, and the new files of the bundle."""
    import hashlib
    from dataclasses import replace

    from lpel_serving.bundle.manifest import PLAUSIBILITY_FILE, FileRecord
    from lpel_serving.bundle.plausibility_record import to_bytes

    completed = replace(manifest, confidence=confidence, usual=usual or manifest.usual)
    if fitted is None:
        return completed, {}
    data = to_bytes(fitted.check)
    record = FileRecord(hashlib.sha256(data).hexdigest(), len(data))
    files = {**manifest.files, PLAUSIBILITY_FILE: record}
    return replace(completed, files=files, plausibility=fitted.record), {PLAUSIBILITY_FILE: data}


command = Command(calibrate, needs=(("onnxruntime", "cpu"),))
