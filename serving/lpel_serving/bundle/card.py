"""A bundle's model card in words, made from its manifest alone."""

from collections.abc import Iterator
from typing import Any

from lpel_serving.bundle.assessment_record import AssessmentRecord
from lpel_serving.bundle.comparison_record import BY_COSINE
from lpel_serving.bundle.confidence_record import ConfidenceRecord
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.network_lines import network_lines
from lpel_serving.bundle.plausibility_record import PlausibilityRecord
from lpel_serving.bundle.record_lines import record_lines, short
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.images.crop_words import with_largest
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.verification.reliability import FOLDS, Reliability

NOT_STATED = "not stated"

_BAR = 25


def facts(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest's content and its card as JSON-serialisable values."""
    return {
        **manifest.fields(),
        "licence": manifest.licence or NOT_STATED,
        "card": {"for": list(_purpose(manifest)), "not_for": list(_limits(manifest))},
    }


def card(manifest: Manifest) -> Iterator[str]:
    """Describe a manifest for people, line by line."""
    yield f"written by {manifest.created_by}, schema {manifest.schema}"
    yield f"licence of the weights: {manifest.licence or NOT_STATED}"
    yield "files, as the manifest lists them (`lpel bundle check` verifies them):"
    for name, file in manifest.files.items():
        yield f"  {name}: {file.bytes:,} bytes, SHA-256 {file.sha256}"
    embedder = manifest.embedder
    yield f"embedder: {embedder.name}"
    yield (
        f"  images of {embedder.shape.words}, embeddings of "
        f"{embedder.dimension} features; standardisation: {embedder.standardisation}"
    )
    yield from network_lines(manifest)
    yield from subject_lines(manifest.subject)
    yield f"crop: {with_largest(manifest.crop, manifest.embedder.shape)}"
    yield from _comparison_lines(manifest)
    yield f"threshold: {manifest.threshold.value:.4f}"
    yield from record_lines(manifest.threshold.chosen)
    if manifest.confidence is None:
        yield "confidence: none; `lpel calibrate` fits one on pairs of photographs"
    else:
        yield from confidence_lines(manifest.confidence, manifest.subject)
    if manifest.plausibility is None:
        yield "check of plausibility: none; `lpel calibrate` fits one on photographs"
    else:
        yield from plausibility_lines(manifest.plausibility, manifest.subject)
    if manifest.usual is None:
        yield "what is usual of maps: not measured; `lpel calibrate` measures it on photographs"
    else:
        yield from usual_lines(manifest.usual)
    if manifest.assessment is None:
        yield "deletion curves of its maps: not measured; `lpel assess --keep` measures them"
    else:
        yield from assessment_lines(manifest.assessment)
    yield f"parity with the original networks{'' if manifest.parity else ': ' + NOT_STATED}"
    yield from record_lines(manifest.parity)
    yield "What it is for"
    yield from (f"  {sentence}" for sentence in _purpose(manifest))
    yield "What it is not for"
    yield from (f"  {sentence}" for sentence in _limits(manifest))


def subject_lines(subject: Subject) -> Iterator[str]:
    """Say what a bundle compares, unless that is faces; line by line."""
    if subject != FACES:
        parts = "parts of a face" if subject.of_faces else "no parts that have names"
        yield f"compares {subject.many}: {subject.same} or {subject.different}; {parts}"


def confidence_lines(record: ConfidenceRecord, subject: Subject = FACES) -> Iterator[str]:
    """Describe the predicted probability, its fit and its reliability, line by line."""
    fitted = record.fitted
    yield (
        f"confidence: a similarity s means {subject.same} with probability "
        f"1 / (1 + exp({-record.intercept:.4g} - {record.slope:.4g} s)), where {subject.same} and "
        f"{subject.other} are equally likely"
    )
    yield f"  one half at s = {-record.intercept / record.slope:.4f}"
    yield from record_lines({key: fitted[key] for key in ("how", "command") if key in fitted})
    yield (
        f"  pairs: {fitted['pairs_same']:,} of {subject.same}, {fitted['pairs_different']:,} of "
        f"{subject.other}; measured on those held out, by {FOLDS}-fold cross-validation:"
    )
    yield from _diagram(record.reliability)


def plausibility_lines(record: PlausibilityRecord, subject: Subject = FACES) -> Iterator[str]:
    """Describe the check of plausibility, its fit and its false alarms, line by line."""
    yield (
        "check of plausibility: a picture further from those that it was fitted on than "
        f"{record.limit:.4g} is implausible"
    )
    kinds = {"people_apart": f"{subject.group_key}_apart"}
    yield from record_lines({kinds.get(key, key): value for key, value in record.fitted.items()})


def usual_lines(record: UsualRecord) -> Iterator[str]:
    """Describe the usual shares of a bundle's maps, line by line."""
    shares = any(maps["for"] for of in record.methods.values() for maps in of.values())
    what = "mean share of each part of a face" if shares else "what is common to all"
    yield f"what is usual of maps, by method and decision: {what}"
    yield from record_lines(record.measured)
    for method, decisions in record.methods.items():
        for decision in decisions:
            maps = record.of(method, decision)
            if maps is not None:
                parts = ", ".join(f"{name} {one.mean:.0%}" for name, one in maps.for_.items())
                yield (
                    f"  {method}, {decision} ({maps.pairs:,} pairs, {maps.common:.0%} common to "
                    f"all){parts and ': '}{parts}"
                )


def assessment_lines(record: AssessmentRecord) -> Iterator[str]:
    """Describe the deletion curves of a bundle's methods, line by line."""
    yield "deletion curves of its maps, by method and curve: better or worse than a control"
    for method, curves in record.methods.items():
        for name, curve in curves.items():
            against = ", ".join(
                f"{control} {outcome}" for control, outcome in curve["against"].items()
            )
            yield f"  {method}, {name} ({curve['pairs']:,} pairs, {curve['how']}): {against}"


def _diagram(reliability: Reliability) -> Iterator[str]:
    """Draw the reliability diagram in text: a row for each bin."""
    yield (
        f"  calibration error {reliability.calibration_error:.4f}, Brier score "
        f"{reliability.brier_score:.4f}, log loss {reliability.log_loss:.4f}"
    )
    yield " predicted  observed      (95 % interval)     pairs  # observed, | predicted"
    for one in reliability.bins:
        bar = ("#" * round(one.observed * _BAR)).ljust(_BAR, ".")
        mark = min(int(one.foretold * _BAR), _BAR - 1)
        yield (
            f"  {one.foretold:8.2%}  {one.observed:8.2%}  ({one.low:6.1%} to {one.high:6.1%})  "
            f"{one.pairs:8,}  {bar[:mark]}|{bar[mark + 1 :]}"
        )


def _comparison_lines(manifest: Manifest) -> Iterator[str]:
    record = manifest.comparison
    if record != BY_COSINE:
        rule = record.rule(manifest.threshold.value)
        yield f"comparison: {record.kind}; two are similar where {rule}"


def _purpose(manifest: Manifest) -> Iterator[str]:
    many = manifest.subject.many
    yield (
        f"It explains why {manifest.embedder.name} called the {many} of two photographs similar or "
        "dissimilar, each in comparison with the other."
    )
    yield (
        f"It takes photographs whose {many} are cut out by the crop "
        f"{with_largest(manifest.crop, manifest.embedder.shape)} and scaled to "
        f"{manifest.embedder.shape.words}."
    )
    rule = manifest.comparison.rule(manifest.threshold.value)
    yield f"{many[0].upper()}{many[1:]} are called similar where {rule}."
    if manifest.responses is None:
        yield "It has no response decoder: what each region contributes takes many inferences."
    else:
        yield "Its response decoder predicts what each region contributes without more inferences."
    if manifest.surrogate is not None:
        yield (
            "Its surrogate predicts what the network would make of a photograph with regions "
            "replaced, without more inferences; what it predicts was not measured."
        )


def _limits(manifest: Manifest) -> Iterator[str]:
    subject = manifest.subject
    whose, shown = ("whose", "who") if subject.of_faces else ("which", "what")
    yield f"It explains the decision, and does not say whether it is right, or {shown} is shown."
    yield (
        "Its threshold holds for the photographs and the crop that it was chosen on; on others the "
        "network may err more often."
    )
    trained = {
        "decoder": manifest.decoder,
        "response decoder": manifest.responses,
        "surrogate": manifest.surrogate,
    }
    records = {name: one.training for name, one in trained.items() if one is not None}
    for name, training in records.items():
        seen = [
            f"{what}: {short(training[what])}"
            for what in ("photographs", "people", "classes")
            if what in training
        ]
        yield (
            f"The {name} may do worse on {subject.many} unlike those it was trained on "
            f"({'; '.join(seen)})."
            if seen
            else f"The manifest does not say {whose} photographs the {name} was trained on."
        )
    if manifest.confidence is not None:
        yield (
            f"Its confidence is right where {subject.same} and {subject.other} are equally likely, "
            "on photographs such as it was fitted on; elsewhere it may be too sure."
        )
    if manifest.plausibility is None:
        yield (
            f"It does not notice pictures without {subject.one}, many of which the network calls "
            "similar."
        )
    else:
        living = ", nor a living one" if subject.of_faces else ""
        yield (
            f"A picture that passes its check of plausibility need not show {subject.one}{living}; "
            f"{subject.one} that is cut out or turned otherwise may not pass."
        )
    if manifest.decoder is not None:
        yield (
            f"Its decoder turns embeddings into pictures of {subject.many}: guard embeddings as "
            "you would guard the photographs."
        )
    if manifest.licence is None:
        yield "No licence of the weights is stated: ask who made them before you pass them on."
