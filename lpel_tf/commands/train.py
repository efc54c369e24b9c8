"""`lpel train`: from a folder of faces to a bundle."""

import os
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lpel_serving.cli.command import Command
from lpel_serving.cli.options import (
    FacesOption,
    IdentitiesOption,
    JsonOption,
    SeedOption,
    print_json,
    say,
)
from lpel_tf.commands import EXPORT, TRAINING
from lpel_tf.commands.options import CacheOption, MirrorOption
from lpel_tf.facenet import DEFAULT_KEY


class TrainedMethod(StrEnum):
    """The methods that need training."""

    lpel = "lpel"
    responses = "responses"


def train(
    faces: FacesOption,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the new bundle.", show_default=False)
    ],
    facenet: Annotated[str, typer.Option(help="Key of the FaceNet to explain.")] = DEFAULT_KEY,
    crop: Annotated[
        str,
        typer.Option(
            help="How to cut faces out: none (the photographs are face crops), a share such as "
            "0.48 (centred; right for LFW), or mtcnn (detected and aligned)."
        ),
    ] = "none",
    identities: IdentitiesOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave this person out; may be repeated.")
    ] = None,
    method: Annotated[
        TrainedMethod,
        typer.Option(
            help="What is to explain: lpel trains the image decoder; responses trains the "
            "response decoder too, which explains better and takes many more embeddings."
        ),
    ] = TrainedMethod.lpel,
    coalitions: Annotated[
        int,
        typer.Option(min=1, help="For responses: so many more embeddings of each photograph."),
    ] = 16,
    grid: Annotated[
        int, typer.Option(min=2, max=40, help="For responses: superpixels along one side.")
    ] = 8,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Pairs in LFW's format to choose the threshold and fit the confidence on.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="At most so many.")] = 30,
    batch_size: Annotated[int, typer.Option(min=1, help="Faces in a step.")] = 128,
    noise: Annotated[
        float,
        typer.Option(min=0, help="Noise on the embeddings that the decoder is to withstand."),
    ] = 0.0005,
    patience: Annotated[
        int, typer.Option(min=1, help="Stop after so many epochs without improvement.")
    ] = 5,
    closed_form: Annotated[
        bool, typer.Option("--closed-form", help="Solve for the decoder instead of training it.")
    ] = False,
    seed: SeedOption = 0,
    cache: CacheOption = None,
    mirror: MirrorOption = None,
    json: JsonOption = False,
) -> None:
    """Train a decoder for a FaceNet on photographs of faces, and write both as an ONNX bundle.

    Embeddings are kept in the cache, by the content of each photograph.

    Interrupted, the same command goes on where it stopped.
    """
    from lpel_serving.bundle_folder import check_replaceable
    from lpel_serving.cli.progress import progress_bar
    from lpel_serving.crops import parse_crop
    from lpel_serving.faces import leave_out, list_faces
    from lpel_serving.pairs import read_pairs
    from lpel_tf.bundling import response_checkpoint, train_bundle
    from lpel_tf.embedders import example_crops, from_facenet
    from lpel_tf.facenet import facenet as find
    from lpel_tf.quiet import load_tensorflow
    from lpel_tf.response_bundling import ResponsePlan
    from lpel_tf.response_table import TableSettings
    from lpel_tf.response_training import ResponseRecipe
    from lpel_tf.training import Recipe

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    check_replaceable(out)
    parse_crop(crop)
    network = find(facenet)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, noise=noise, patience=patience, seed=seed)
    plan = None
    if method is TrainedMethod.responses:
        table = TableSettings(side=grid, coalitions=coalitions, seed=seed)
        plan = ResponsePlan(table, ResponseRecipe(seed=seed))
    people = leave_out(list_faces(faces, identities), exclude or ())
    chosen_pairs = read_pairs(pairs, faces) if pairs is not None else ()
    load_tensorflow()
    embedder = from_facenet(
        network,
        lambda size: example_crops(people, crop, size),
        cache=cache,
        mirror=mirror,
        progress=progress_bar,
    )
    checkpoint = out.with_name(f".{out.name}.training.npz")
    manifest = train_bundle(
        embedder,
        people,
        out,
        crop=crop,
        recipe=recipe,
        closed_form=closed_form,
        cache=cache,
        pairs=chosen_pairs,
        responses=plan,
        checkpoint=checkpoint,
        progress=progress_bar,
    )
    checkpoint.unlink(missing_ok=True)
    response_checkpoint(checkpoint).unlink(missing_ok=True)
    _report(manifest, out, json=json)


def _report(manifest: Any, out: Path, *, json: bool) -> None:
    from lpel_serving.crowds import crowds_in_words

    training, threshold = manifest.decoder.training, manifest.threshold
    confidence = manifest.confidence
    responses = None if manifest.responses is None else manifest.responses.training
    if json:
        print_json(
            {
                "bundle": str(out),
                "training": training,
                **({} if responses is None else {"responses": responses}),
                "threshold": {"value": threshold.value, "chosen": threshold.chosen},
                "confidence": None if confidence is None else asdict(confidence),
                "parity": manifest.parity,
            }
        )
        return
    loss, without_face = training["test_loss"], training["photographs_without_face"]
    if without_face:
        say(f"{without_face} photographs were left out: no face was found in them.")
    if crowded := crowds_in_words(training["photographs_with_several_faces"]):
        say(crowded)
    say(
        f"Bundle: {out}\n"
        f"Test loss {loss['decoder']:.5f} on {training['photographs']['test']} photographs of "
        f"{training['people']['test']} other people; the mean face gives {loss['mean_face']:.5f}, "
        f"least squares {loss['least_squares']:.5f}.\n"
        f"Threshold {threshold.value:.3f}, {threshold.chosen['how']}.\n"
        f"{_confidence(manifest)}\n"
        + "\n".join(
            f"Parity of the {name}: ONNX differs from Keras by at most "
            f"{report['max_difference']:.1e} on {report['inputs']}."
            for name, report in manifest.parity.items()
        )
    )
    if responses is not None:
        foretold = 1 - responses["test_loss"]["vectors"]
        say(
            f"The response decoder foretells {foretold:.0%} of what coalitions of superpixels take "
            f"from the embeddings of {responses['photographs']['test']} test photographs."
        )


def _confidence(manifest: Any) -> str:
    if manifest.confidence is None:
        return (
            "No confidence: too few pairs to fit one on, or pairs that the network does not tell "
            "apart. `lpel calibrate` fits one on others."
        )
    error = manifest.confidence.reliability.calibration_error
    return f"Confidence: {manifest.confidence.fitted['how']}; calibration error {error:.4f}."


command = Command(train, needs=(*TRAINING, *EXPORT))
