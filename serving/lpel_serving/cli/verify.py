"""`lpel verify`: how well the bundle's network tells people apart."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.cli.command import Command
from lpel_serving.cli.options import (
    BundleOption,
    CropOption,
    FacesOption,
    IdentitiesOption,
    JsonOption,
    ProviderOption,
    SeedOption,
    ThreadsOption,
    print_json,
    say,
)


def verify(
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
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the network's accuracy on pairs of photographs, half of the same person."""
    import numpy as np

    from lpel_serving.cli.progress import progress_bar
    from lpel_serving.crowds import count_crowds, crowds, crowds_in_words
    from lpel_serving.explainer import Explainer
    from lpel_serving.faces import list_faces
    from lpel_serving.pairs import read_pairs, sample_pairs
    from lpel_serving.photographs import pair_similarities
    from lpel_serving.verification import verification

    if pairs is not None:
        chosen = read_pairs(pairs, faces)
    else:
        chosen = sample_pairs(list_faces(faces, identities), n, np.random.default_rng(seed))
    explainer = Explainer.load(bundle, crop=crop, provider=provider, threads=threads)
    count_crowds(explainer.embedder)
    similarities = pair_similarities(explainer.embedder, chosen, progress=progress_bar)
    found = np.isfinite(similarities)
    same = np.array([pair.same for pair in chosen])[found]
    result = verification(similarities[found], same, explainer.manifest.threshold.value)
    without_face = int(np.count_nonzero(~found))
    several = crowds(explainer.embedder)
    if json:
        counted = {"pairs_without_face": without_face, "photographs_with_several_faces": several}
        print_json(asdict(result) | counted)
        return
    if said := crowds_in_words(several):
        say(said)
    if without_face:
        say(f"{without_face} pairs were left out: no face was found in a photograph.")
    at, best = result.at_threshold, result.best
    say(
        f"{result.pairs_same} pairs of the same person, {result.pairs_different} of two people\n"
        f"at the bundle's threshold {result.threshold:.3f}: same {at.same:.2%}, "
        f"different {at.different:.2%}, all {at.total:.2%}\n"
        f"at the best threshold, by 10-fold cross-validation: {best.accuracy:.2%} "
        f"± {best.standard_error:.2%} (standard error), threshold {best.threshold:.3f}\n"
        f"area under the ROC curve: {result.auc:.4f}"
    )


command = Command(verify, needs=(("onnxruntime", "cpu"),))
