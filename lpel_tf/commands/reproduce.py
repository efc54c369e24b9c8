"""`lpel reproduce`: chapter 5 of the thesis, run again with controls."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

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
from lpel_tf.commands import EXPORT, RESEARCH, TRAINING
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
    split_by,
)
from lpel_tf.commands.training_data import DataOption, given_data
from lpel_tf.networks.facenet import DEFAULT_KEY


def reproduce(
    context: typer.Context,
    faces: DataOption,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the report.", show_default=False)
    ],
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer photographs and pairs: minutes, and wide intervals."),
    ] = False,
    crop: Annotated[
        list[str] | None,
        typer.Option(
            help="How to cut faces out: the main, tight crop, then perhaps a loose one. 0.368 and "
            "0.48 by default, which is right for LFW; none with --embedder; see lpel train.",
        ),
    ] = None,
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
    identities: IdentitiesOption = None,
    subject: SubjectOption = "faces",
    split: SplitOption = None,
    comparison: ComparisonOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="On the scale that the network compares by: the cosine or score above which a "
            "pair is called similar, or the distance below which it is. The thesis's, 0.3, for a "
            "FaceNet by cosine; else the most accurate on the images held out.",
            show_default=False,
        ),
    ] = None,
    hide_photographs: Annotated[
        bool,
        typer.Option("--hide-photographs", help="Show reconstructions in place of photographs."),
    ] = False,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    cache: CacheOption = None,
    mirror: MirrorOption = None,
    json: JsonOption = False,
) -> None:
    """Run the thesis's experiments on photographs, with the controls that it lacks.

    The network is a published one, --network, or with --embedder your own.

    Interrupted, the same command goes on where it stopped.
    """
    import numpy as np

    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.images.subject import parse_subject
    from lpel_tf.bundles.comparing import check_wanted, opened
    from lpel_tf.bundles.thresholds import THESIS_THRESHOLD
    from lpel_tf.networks.example_crops import example_crops
    from lpel_tf.research.reproduction.laboratory import Laboratory, check_crops
    from lpel_tf.research.reproduction.run import check_output
    from lpel_tf.research.reproduction.run import reproduce as run
    from lpel_tf.research.reproduction.sizes import FULL, QUICK, some_people
    from lpel_tf.support.cache import cache_folder
    from lpel_tf.support.quiet import load_tensorflow

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    check_output(out)
    crops = tuple(crop or (("0.368", "0.48") if embedder is None else ("none",)))
    check_crops(crops)
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
    sizes = QUICK if quick else FULL
    unusable = Unusable(most_bad, names=list_passed_over)
    found = given_data(context, faces, identities)
    rng, by = np.random.default_rng(seed), split_by(split)
    people = some_people(found.images, sizes.photographs, rng, by)
    cache_folder(root=cache)  # if there can be none, that is said at once
    load_tensorflow()
    opened(compare)  # a head that cannot be read is refused before any image is
    exported = asked.export(
        lambda size: example_crops(people, crops[0], size, unusable), progress_bar
    )
    laboratory = Laboratory(
        embedder=exported,
        photographs=people,
        crops=crops,
        sizes=sizes,
        threshold=THESIS_THRESHOLD if threshold is None else threshold,
        seed=seed,
        work=out / ".work",
        cache=cache,
        hide_photographs=hide_photographs,
        progress=progress_bar,
        unusable=unusable,
        split=by,
        comparison=compare,
        subject=compared,
    )
    as_in_the_thesis = asked.is_facenet and compare == "cosine"
    if threshold is None and not as_in_the_thesis:
        laboratory = laboratory.with_fitted_threshold()
    result = run(laboratory, out)
    passed = (*found.passed_over, *unusable.found())
    report(passed, names=list_passed_over)
    _report(result, in_json(passed, names=list_passed_over) if json else None)


def _report(result: Any, said: Mapping[str, Any] | None) -> None:
    """Print the findings; as JSON where there is something to be said in that."""
    if said is not None:
        print_json(
            {
                "page": str(result.page),
                "sections": [
                    {
                        "key": section.key,
                        "title": section.title,
                        "findings": [vars(finding) for finding in section.findings],
                    }
                    for section in result.sections
                ],
                **said,
            }
        )
        return
    for section in result.sections:
        say(f"{section.title} ({section.counterpart})")
        for finding in section.findings:
            say(f"  [{finding.verdict}] {finding.claim}\n      {finding.measured}")
    say(f"\nOpen {result.page}; the numbers behind it lie in {result.page.parent / 'data'}.")


command = Command(reproduce, needs=(*TRAINING, *EXPORT, *RESEARCH))
