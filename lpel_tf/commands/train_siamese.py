"""`lpel train-siamese`: from a folder of images and classes to a siamese network and its bundle."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    IdentitiesOption,
    JsonOption,
    ListPassedOverOption,
    MostBadOption,
    SeedOption,
    print_json,
    say,
)
from lpel_serving.commands.shared.passed_over import in_json, report
from lpel_serving.images.datasets.passed_over import MOST_BAD, Unusable
from lpel_tf.commands import EXPORT, TRAINING
from lpel_tf.commands.network_options import size_of
from lpel_tf.commands.options import CacheOption, SplitOption, SubjectOption, split_by
from lpel_tf.commands.training_data import given_data
from lpel_tf.commands.training_plans import (
    CoalitionsOption,
    FillOption,
    GridOption,
    TrainedMethod,
    response_plan,
    surrogate_plan,
)

if TYPE_CHECKING:
    from lpel_tf.bundles.siamese_training import SiameseOnImages

BUNDLE = "bundle"


class Loss(StrEnum):
    """What a siamese network can be trained by."""

    contrastive = "contrastive"
    triplet = "triplet"
    centers = "centers"
    head = "head"


class Negatives(StrEnum):
    """Which negatives triplets may have."""

    random = "random"
    semi_hard = "semi-hard"
    hard = "hard"


def train_siamese(
    context: typer.Context,
    images: Annotated[
        Path,
        typer.Option(
            help="Images, as class/image.png or flat with --identities; or a NumPy archive (.npz) "
            "with the arrays images and labels, or x_train and y_train as in Keras' mnist.npz.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder of tower.keras, training.json and the bundle.",
            show_default=False,
        ),
    ],
    loss: Annotated[
        Loss,
        typer.Option(
            help="contrastive (pairs, compared by distance), triplet (likewise, embeddings of "
            "length 1), centers (softmax over the classes, with centers; by cosine), or head "
            "(pairs, by a learned head)."
        ),
    ] = Loss.contrastive,
    dimension: Annotated[int, typer.Option(min=1, help="Length of the embeddings.")] = 32,
    margin: Annotated[
        float | None,
        typer.Option(
            help="For contrastive and triplet, on squared distances; 1 and 0.2 by default.",
            show_default=False,
        ),
    ] = None,
    hardness: Annotated[
        Negatives, typer.Option(help="For triplet: which negatives.")
    ] = Negatives.semi_hard,
    center_weight: Annotated[
        float, typer.Option(min=0, help="For centers: what their loss weighs.")
    ] = 0.01,
    image_size: Annotated[
        str | None,
        typer.Option(
            help="What the network sees, in pixels: a side, HEIGHTxWIDTH, or "
            "HEIGHTxWIDTHxCHANNELS such as 28x28x1; that of the first image by default.",
            show_default=False,
        ),
    ] = None,
    crop: Annotated[
        str,
        typer.Option(
            help="How to cut images out: none (they are of the size), pad, stretch, a share such "
            "as 0.48, or mtcnn."
        ),
    ] = "none",
    subject: SubjectOption = "images",
    identities: IdentitiesOption = None,
    split: SplitOption = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most.")] = 20,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after this many epochs without improvement.")
    ] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs, triplets or images a step.")] = 128,
    method: Annotated[
        TrainedMethod,
        typer.Option(help="What is to explain the network: see lpel train."),
    ] = TrainedMethod.responses,
    coalitions: CoalitionsOption = 16,
    fill: FillOption = None,
    grid: GridOption = 8,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Train a small siamese network on images, measure it, and make its bundle.

    A tenth is held out to stop the training and a tenth for the test, for network and bundle alike.

    Interrupted, the same command goes on where it stopped.
    """
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.images.crops import parse_crop
    from lpel_serving.images.subject import parse_subject
    from lpel_tf.bundles.bundling import train_bundle
    from lpel_tf.bundles.checkpoints import all_checkpoints
    from lpel_tf.bundles.siamese_training import save, train_on_images
    from lpel_tf.commands.trained_words import trained_in_json, trained_in_words
    from lpel_tf.decoders.training import Recipe
    from lpel_tf.siamese.recipe import SiameseRecipe
    from lpel_tf.support.cache import cache_folder
    from lpel_tf.support.quiet import load_tensorflow

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    _check_out(out)
    parse_crop(crop)
    compared, size = parse_subject(subject), size_of(image_size)
    _check_options(context, loss, method)
    recipe = SiameseRecipe(
        loss.value,
        dimension,
        margin,
        hardness.value,
        center_weight,
        epochs,
        patience,
        batch_size,
        seed=seed,
    )
    responds, simulates = method is not TrainedMethod.lpel, method is TrainedMethod.surrogate
    responses = response_plan(responds, fill, side=grid, coalitions=coalitions, seed=seed)
    surrogate = surrogate_plan(
        simulates, fill, rounds=1, side=grid, coalitions=None, precision="float32", seed=seed
    )
    unusable = Unusable(most_bad, names=list_passed_over)
    found = given_data(context, images, identities)
    cache_folder(root=cache)  # if there can be none, that is said at once
    load_tensorflow()
    checkpoint, of_network = out / ".training.npz", out / ".siamese.npz"
    network = train_on_images(
        found.images,
        recipe,
        crop=crop,
        image_size=size,
        split=split_by(split),
        checkpoint=of_network,
        unusable=unusable,
        progress=progress_bar,
    )
    save(out, network)
    manifest = train_bundle(
        network.export(out.name),
        network.images.photographs,
        out / BUNDLE,
        crop=crop,
        recipe=Recipe(seed=seed),
        split=network.sides,
        comparison=network.trained.comparison,
        responses=responses,
        surrogate=surrogate,
        cache=cache,
        checkpoint=checkpoint,
        unusable=unusable,
        subject=compared,
        progress=progress_bar,
    )
    for path in (of_network, *all_checkpoints(checkpoint)):
        path.unlink(missing_ok=True)
    passed = (*found.passed_over, *unusable.found())
    report(passed, names=list_passed_over)
    if json:
        said = {"out": str(out), "network": network.to_json()}
        said |= trained_in_json(manifest, out / BUNDLE)
        print_json(said | in_json(passed, names=list_passed_over))
    else:
        say(f"{_in_words(network, out)}\n{trained_in_words(manifest, out / BUNDLE)}")


def _check_options(context: typer.Context, loss: Loss, method: TrainedMethod) -> None:
    """Raise `ParameterError` for options that do nothing with a loss or a method."""
    by_margin = loss in (Loss.contrastive, Loss.triplet)
    check_applies(context, by_margin, "goes with --loss contrastive or triplet", "--margin")
    check_applies(context, loss is Loss.triplet, "goes with --loss triplet", "--hardness")
    check_applies(context, loss is Loss.centers, "goes with --loss centers", "--center-weight")
    how = "goes with --method responses or surrogate"
    of_both = ("--coalitions", "--grid", "--fill")
    check_applies(context, method is not TrainedMethod.lpel, how, *of_both)


def _check_out(out: Path) -> None:
    """Raise `OutputError` if the folder holds anything but what this command writes."""
    from lpel_serving.bundle.folder import check_replaceable
    from lpel_serving.support.errors import OutputError
    from lpel_serving.support.files import check_folder
    from lpel_tf.bundles.siamese_training import HEAD, TOWER
    from lpel_tf.bundles.siamese_training import TRAINING as HOW

    check_folder(out)
    if out.is_dir():
        ours = {TOWER, HEAD, HOW, BUNDLE}
        others = [path.name for path in out.iterdir() if path.name[0] != "."]
        if set(others) - ours or (others and HOW not in others):
            raise OutputError(
                f"{out} holds other things than a trained siamese network: choose another folder."
            )
    check_replaceable(out / BUNDLE)


def _in_words(network: "SiameseOnImages", out: Path) -> str:
    """Describe the training and the test, a sentence a line."""
    from lpel_tf.bundles.siamese_training import TOWER

    measured, shot = network.evaluation, network.evaluation.one_shot
    trained = network.trained
    apart = "other classes" if network.sides.by == "identity" else "other images of the classes"
    how = (
        f"Tower: {out / TOWER}, {len(network.on('train')):,} images of "
        f"{len(network.images.classes.members):,} classes, best after epoch "
        f"{trained.best_epoch} of {len(trained.history)}."
    )
    found = (
        f"On {apart}: {100 * measured.accuracy:.1f} % of {measured.pairs:,} pairs are decided "
        f"rightly (standard error {100 * measured.standard_error:.1f}), and "
        f"{100 * shot.accuracy:.1f} % of {shot.trials} trials of one-shot among {shot.ways} "
        f"({100 * shot.standard_error:.1f}; chance {100 / shot.ways:.1f})."
    )
    return f"{how}\n{found}"


command = Command(train_siamese, needs=(*TRAINING, *EXPORT))
