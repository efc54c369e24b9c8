"""`lpel calibrate`: how likely the bundle's similarities mean one person."""

from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.cli.command import Command
from lpel_serving.cli.options import (
    BundleOption,
    FacesOption,
    IdentitiesOption,
    JsonOption,
    ProviderOption,
    SeedOption,
    ThreadsOption,
    print_json,
    say,
)


def calibrate(
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
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Fit the probability that two faces are of one person, and keep it in the bundle.

    Whether such probabilities come true is measured on pairs held out, and told.
    """
    from dataclasses import asdict, replace

    import numpy as np

    from lpel_serving.bundle_folder import check_replaceable, put_copy
    from lpel_serving.card import confidence_lines
    from lpel_serving.cli.progress import progress_bar
    from lpel_serving.confidence import LEAST_OF_A_KIND, LEAST_PAIRS, fit_confidence
    from lpel_serving.crowds import count_crowds, crowds, crowds_in_words
    from lpel_serving.errors import PairsError
    from lpel_serving.explainer import Explainer
    from lpel_serving.faces import list_faces
    from lpel_serving.pairs import read_pairs, sample_pairs
    from lpel_serving.photographs import pair_similarities

    target = bundle if out is None else out
    check_replaceable(target)
    if pairs is not None:
        chosen, kind = read_pairs(pairs, faces), "a list of pairs"
    else:
        chosen = sample_pairs(list_faces(faces, identities), n, np.random.default_rng(seed))
        kind = "pairs drawn at random"
    explainer = Explainer.load(bundle, provider=provider, threads=threads)
    count_crowds(explainer.embedder)
    similarities = pair_similarities(explainer.embedder, chosen, progress=progress_bar)
    found = np.isfinite(similarities)
    same = np.array([pair.same for pair in chosen])[found]
    record = fit_confidence(similarities[found], same, on or kind)
    if record is None:
        raise PairsError(
            f"a confidence needs at least {LEAST_PAIRS} pairs that show faces, "
            f"{LEAST_OF_A_KIND} of one person and as many of two; received "
            f"{np.count_nonzero(same)} and {np.count_nonzero(~same)}. Nothing was written."
        )
    put_copy(bundle, target, replace(explainer.manifest, confidence=record))
    several = crowds(explainer.embedder)
    without_face = int(np.count_nonzero(~found))
    if json:
        document = {"bundle": str(target), "confidence": asdict(record)}
        counted = {"pairs_without_face": without_face, "photographs_with_several_faces": several}
        print_json(document | counted)
        return
    if said := crowds_in_words(several):
        say(said)
    if without_face:
        say(f"{without_face} pairs were left out: no face was found in a photograph.")
    say("\n".join([*confidence_lines(record), f"Bundle: {target}"]))


command = Command(calibrate, needs=(("onnxruntime", "cpu"),))
