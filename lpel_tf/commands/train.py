"""`lpel train`: from a folder of faces to a bundle."""

import os
from pathlib import Path
from typing import Annotated

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
from lpel_tf.commands.network_options import (
    ChannelsOption,
    EmbedderOption,
    ImageSizeOption,
    LayoutOption,
    MeanOption,
    NameOption,
    NetworkOption,
    OutputOption,
    ScaleOption,
    StandardisationOption,
    chosen,
)
from lpel_tf.commands.options import (
    CacheOption,
    ComparisonOption,
    MirrorOption,
    SplitOption,
    SubjectOption,
    ThresholdOption,
    split_by,
)
from lpel_tf.commands.training_data import DataOption, given_data
from lpel_tf.commands.training_plans import (
    CoalitionsOption,
    FillOption,
    GridOption,
    TableCoalitionsOption,
    TablePrecision,
    TableRoundsOption,
    TrainedMethod,
    response_plan,
    surrogate_plan,
)
from lpel_tf.networks.facenet import DEFAULT_KEY


def train(
    context: typer.Context,
    faces: DataOption,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the new bundle.", show_default=False)
    ],
    network: NetworkOption = DEFAULT_KEY,
    embedder: EmbedderOption = None,
    name: NameOption = None,
    standardisation: StandardisationOption = None,
    image_size: ImageSizeOption = None,
    mean: MeanOption = None,
    scale: ScaleOption = None,
    layout: LayoutOption = "NCHW",
    channels: ChannelsOption = "RGB",
    output: OutputOption = None,
    crop: Annotated[
        str,
        typer.Option(
            help="How to cut faces out: none (the photographs are face crops), pad, stretch, a "
            "share such as 0.48 (centred; right for LFW), or mtcnn (detected and aligned)."
        ),
    ] = "none",
    subject: SubjectOption = "faces",
    identities: IdentitiesOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave this person out; may be repeated.")
    ] = None,
    method: Annotated[
        TrainedMethod,
        typer.Option(
            help="What is to explain: lpel trains the image decoder; responses trains the "
            "response decoder too, which explains better and takes many more embeddings; "
            "surrogate trains both and a network that sees the photograph's local features, "
            "which explains best and takes most."
        ),
    ] = TrainedMethod.lpel,
    coalitions: CoalitionsOption = 16,
    fill: FillOption = None,
    table_coalitions: TableCoalitionsOption = None,
    table_precision: Annotated[
        TablePrecision,
        typer.Option(
            help="For surrogate: the numbers in which its masked images are embedded; int8 is "
            "about three times as fast on a CPU, and less exact."
        ),
    ] = TablePrecision.float32,
    table_rounds: TableRoundsOption = 1,
    grid: GridOption = 8,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Pairs in LFW's format to choose the threshold and fit the confidence on.",
            show_default=False,
        ),
    ] = None,
    split: SplitOption = None,
    comparison: ComparisonOption = None,
    threshold: ThresholdOption = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most.")] = 30,
    batch_size: Annotated[int, typer.Option(min=1, help="Faces in a step.")] = 128,
    noise: Annotated[
        float,
        typer.Option(
            min=0,
            help="Noise on the embeddings in training, as a share of their length.",
        ),
    ] = 0.0005,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after this many epochs without improvement.")
    ] = 5,
    closed_form: Annotated[
        bool, typer.Option("--closed-form", help="Solve for the decoder instead of training it.")
    ] = False,
    no_decoder: Annotated[
        bool,
        typer.Option(
            "--no-decoder",
            help="For responses and surrogate: no decoder. The bundle draws no images from "
            "embeddings, and cannot explain by lpel; no image is kept in the cache.",
        ),
    ] = False,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    cache: CacheOption = None,
    mirror: MirrorOption = None,
    json: JsonOption = False,
) -> None:
    """Train a decoder for a network on photographs, and write both as an ONNX bundle.

    The network is a published one, --network, or with --embedder your own.

    Embeddings, and what was measured of masked images, are kept in the cache, by the content of
    each photograph.

    Interrupted, the same command goes on where it stopped.
    """
    from lpel_serving.bundle.folder import check_replaceable
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.images.crops import parse_crop
    from lpel_serving.images.datasets.faces import leave_out
    from lpel_serving.images.datasets.pairs_list import find_pairs
    from lpel_serving.images.subject import parse_subject
    from lpel_tf.bundles.bundling import train_bundle
    from lpel_tf.bundles.checkpoints import all_checkpoints
    from lpel_tf.bundles.comparing import check_wanted
    from lpel_tf.commands.trained_words import trained_in_json, trained_in_words
    from lpel_tf.decoders.training import Recipe
    from lpel_tf.networks.example_crops import example_crops
    from lpel_tf.support.cache import cache_folder
    from lpel_tf.support.quiet import load_tensorflow

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    check_replaceable(out)
    parse_crop(crop)
    compared = parse_subject(subject)
    asked = chosen(
        context,
        network,
        embedder,
        cache=cache,
        mirror=mirror,
        name=name,
        standardisation=standardisation,
        image_size=image_size,
        mean=mean,
        scale=scale,
        layout=layout,
        channels=channels,
        output=output,
    )
    compare = comparison or asked.compares_by
    check_wanted(compare, threshold)
    responds, simulates = method is not TrainedMethod.lpel, method is TrainedMethod.surrogate
    how = "goes with --method responses or surrogate"
    of_both = ("--coalitions", "--grid", "--fill", "--no-decoder")
    check_applies(context, responds, how, *of_both)
    of_table = ("--table-coalitions", "--table-precision", "--table-rounds")
    check_applies(context, simulates, "goes with --method surrogate", *of_table)
    stepwise = ("--epochs", "--batch-size", "--patience")
    check_applies(context, not closed_form, "goes with training, not with --closed-form", *stepwise)
    of_decoder = ("--closed-form", *stepwise, "--noise")
    check_applies(context, not no_decoder, "is for a decoder, not with --no-decoder", *of_decoder)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, noise=noise, patience=patience, seed=seed)
    responses = response_plan(responds, fill, side=grid, coalitions=coalitions, seed=seed)
    surrogate = surrogate_plan(
        simulates,
        fill,
        side=grid,
        coalitions=table_coalitions,
        precision=table_precision.value,
        seed=seed,
        rounds=table_rounds,
    )
    unusable = Unusable(most_bad, names=list_passed_over)
    found = given_data(context, faces, identities)
    people = leave_out(found.images, exclude or ())
    listed = None if pairs is None else find_pairs(pairs, faces, unusable)
    cache_folder(root=cache)  # if there can be none, that is said at once
    load_tensorflow()
    exported = asked.export(lambda size: example_crops(people, crop, size, unusable), progress_bar)
    checkpoint = out.with_name(f".{out.name}.training.npz")
    manifest = train_bundle(
        exported,
        people,
        out,
        crop=crop,
        recipe=recipe,
        decoder=None if no_decoder else "solved" if closed_form else "trained",
        split=split_by(split),
        threshold=threshold,
        comparison=compare,
        cache=cache,
        pairs=() if listed is None else listed.pairs,
        responses=responses,
        surrogate=surrogate,
        checkpoint=checkpoint,
        unusable=unusable,
        subject=compared,
        progress=progress_bar,
    )
    for path in all_checkpoints(checkpoint):
        path.unlink(missing_ok=True)
    in_pairs = () if listed is None else listed.passed_over
    passed = (*found.passed_over, *in_pairs, *unusable.found())
    header = None if listed is None else listed.header
    report(passed, names=list_passed_over, header=header)
    if json:
        said = in_json(passed, names=list_passed_over, header=header)
        print_json(trained_in_json(manifest, out) | said)
    else:
        say(trained_in_words(manifest, out))


command = Command(train, needs=(*TRAINING, *EXPORT))
