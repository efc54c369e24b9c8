"""`lpel emsnn`: EMSNN as it was published, by the nearest prototype, with LPEL beside it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
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
from lpel_serving.commands.shared.passed_over import in_json, report
from lpel_serving.images.datasets.passed_over import MOST_BAD, Unusable
from lpel_serving.methods.decoded.emsnn import DEFAULT_DRAWS
from lpel_tf.commands import EXPORT, RESEARCH, TRAINING
from lpel_tf.commands.options import CacheOption
from lpel_tf.commands.training_data import DataOption, given_data

_KEPT = ".autoencoder.npz"


def emsnn(
    context: typer.Context,
    tests: Annotated[
        list[Path], typer.Argument(help="Images to be explained.", show_default=False)
    ],
    bundle: BundleOption,
    faces: DataOption,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the picture, the numbers and the maps.",
            show_default=False,
        ),
    ],
    identities: IdentitiesOption = None,
    k: Annotated[
        int | None,
        typer.Option(
            "--k",
            min=1,
            help="Features that EMSNN perturbs; a fifth of them and at most 100 by default.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, help="How often EMSNN perturbs them.")
    ] = DEFAULT_DRAWS,
    epochs: Annotated[
        int, typer.Option(min=1, help="Epochs of each training of EMSNN's autoencoder.")
    ] = 20,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    provider: ProviderOption = "cpu",
    threads: ThreadsOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Explain which class images belong to, by EMSNN and by LPEL, in the layout of EMSNN's figure.

    The reference is no image but a prototype, the mean embedding of a class of at least six images;
    each test image is explained by the nearest. EMSNN's autoencoder is trained to reconstruct about
    as well as the bundle's decoder, and kept beside the picture: the next images on the same
    classes are explained at once. The prototype of the next nearest class is the control.
    """
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.engine.explainer import Explainer
    from lpel_serving.support.files import check_folder
    from lpel_tf.research.emsnn.autoencoder import AutoencoderRecipe
    from lpel_tf.research.prototypes.classes import learn_classes
    from lpel_tf.research.prototypes.nearest import SHOWN, explain_by_nearest
    from lpel_tf.research.prototypes.written import (
        compared_in_words,
        in_numbers,
        in_words,
        reconstruction_in_words,
        write_nearest,
    )
    from lpel_tf.support.cache import cache_folder
    from lpel_tf.support.quiet import load_tensorflow

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    check_folder(out)
    explainer = Explainer.load(bundle, provider=provider, threads=threads)
    perturbed = _features(k, explainer.manifest.embedder.dimension)
    # What cannot be explained is refused before anything is trained.
    crops = [explainer.embedder.read(test) for test in tests]
    unusable = Unusable(most_bad, names=list_passed_over)
    found = given_data(context, faces, identities)
    cache_folder(root=cache)
    load_tensorflow()
    classes = learn_classes(
        explainer,
        found.images,
        AutoencoderRecipe(epochs=epochs, seed=seed),
        checkpoint=out / _KEPT,
        cache=cache,
        unusable=unusable,
        progress=progress_bar,
    )
    explained = explain_by_nearest(explainer, classes, crops, k=perturbed, draws=draws, seed=seed)
    passed = (*found.passed_over, *unusable.found())
    report(passed, names=list_passed_over)
    parameters = {"k": perturbed, "draws": draws, "epochs": epochs, "seed": seed}
    answer = in_numbers(explainer, classes, tests, explained) | {"parameters": parameters}
    files = write_nearest(explainer, classes, explained, answer, out)
    if json:
        print_json(answer | {"files": files} | in_json(passed, names=list_passed_over))
        return
    for path, one in zip(tests, explained, strict=True):
        say(in_words(path, one, explainer))
    say(compared_in_words(classes))
    say(reconstruction_in_words(classes))
    if len(tests) > SHOWN:
        say(f"The figure shows the first {SHOWN} of {len(tests)} images.")
    for what, path in files.items():
        say(f"  {what}: {path}")


def _features(k: int | None, dimension: int) -> int:
    """How many features are perturbed; `ParameterError` if there are not so many."""
    from lpel_serving.support.errors import ParameterError
    from lpel_tf.research.emsnn.by_prototype import features_perturbed

    if k is not None and k > dimension:
        raise ParameterError(f"embeddings have {dimension} features; received --k {k}.")
    return features_perturbed(dimension) if k is None else k


command = Command(emsnn, needs=(*TRAINING, *EXPORT, *RESEARCH))
