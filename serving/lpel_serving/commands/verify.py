"""`lpel verify`: the verification accuracy of the bundle's network."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.commands.shared.applies import DRAWN, check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
    CropOption,
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


def verify(
    context: typer.Context,
    bundle: BundleOption,
    faces: FacesOption,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs in LFW's format; drawn at random when left out."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=20, help="How many pairs to draw.")] = 1000,
    identities: IdentitiesOption = None,
    crop: CropOption = None,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the network's accuracy on pairs of photographs, half of the same person."""
    import numpy as np

    from lpel_serving.commands.shared.given import given_pairs, measure
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.images.datasets.pairs import sample_pairs
    from lpel_serving.verification.accuracy import verification

    check_applies(context, pairs is None, DRAWN, "--n", "--identities")
    unusable = Unusable(most_bad, names=list_passed_over)
    rng = np.random.default_rng(seed)
    given = given_pairs(faces, identities, pairs, lambda all_: sample_pairs(all_, n, rng), unusable)
    explainer = Explainer.load(bundle, crop=crop, provider=provider, threads=threads)
    measured = measure(explainer, given)
    report(given.all_passed_over(), names=list_passed_over, header=given.header)
    with measured.blamed():
        threshold = explainer.manifest.threshold.value
        result = verification(measured.similarities, measured.same, threshold)
    if json:
        print_json(asdict(result) | measured.in_json(names=list_passed_over))
        return
    for line in measured.in_words():
        say(line)
    at, best, subject = result.at_threshold, result.best, explainer.manifest.subject
    own = explainer.manifest.comparison.own_of
    say(
        f"{result.pairs_same} pairs of the same {subject.kind}, {result.pairs_different} of "
        f"{subject.different}\n"
        f"at the bundle's threshold {own(result.threshold):.3f}: same {at.same:.2%}, "
        f"different {at.different:.2%}, all {at.total:.2%}\n"
        f"at the best threshold, by 10-fold cross-validation: {best.accuracy:.2%} "
        f"± {best.standard_error:.2%} (standard error), threshold {own(best.threshold):.3f}\n"
        f"area under the ROC curve: {result.auc:.4f}"
    )


command = Command(verify, needs=(("onnxruntime", "cpu"),))
