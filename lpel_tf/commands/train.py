"""`lpel train`: from a folder of faces to a bundle."""

import os
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
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs in LFW's format to choose the threshold on.", show_default=False),
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
    from lpel_export.bundle_writer import check_replaceable
    from lpel_serving.cli.progress import progress_bar
    from lpel_serving.crops import parse_crop
    from lpel_serving.faces import leave_out, list_faces
    from lpel_serving.pairs import read_pairs
    from lpel_tf.bundling import train_bundle
    from lpel_tf.embedders import example_crops, from_facenet
    from lpel_tf.facenet import facenet as find
    from lpel_tf.quiet import load_tensorflow
    from lpel_tf.training import Recipe

    out = Path(os.path.abspath(out))  # noqa: PTH100 (resolve would follow a link)
    check_replaceable(out)
    parse_crop(crop)
    network = find(facenet)
    recipe = Recipe(epochs=epochs, batch_size=batch_size, noise=noise, patience=patience, seed=seed)
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
        checkpoint=checkpoint,
        progress=progress_bar,
    )
    checkpoint.unlink(missing_ok=True)
    _report(manifest, out, json=json)


def _report(manifest: Any, out: Path, *, json: bool) -> None:
    training, threshold = manifest.decoder.training, manifest.threshold
    if json:
        print_json(
            {
                "bundle": str(out),
                "training": training,
                "threshold": {"value": threshold.value, "chosen": threshold.chosen},
                "parity": manifest.parity,
            }
        )
        return
    loss, without_face = training["test_loss"], training["photographs_without_face"]
    if without_face:
        say(f"{without_face} photographs were left out: no face was found in them.")
    say(
        f"Bundle: {out}\n"
        f"Test loss {loss['decoder']:.5f} on {training['photographs']['test']} photographs of "
        f"{training['people']['test']} other people; the mean face gives {loss['mean_face']:.5f}, "
        f"least squares {loss['least_squares']:.5f}.\n"
        f"Threshold {threshold.value:.3f}, {threshold.chosen['how']}.\n"
        + "\n".join(
            f"Parity of the {name}: ONNX differs from Keras by at most "
            f"{report['max_difference']:.1e} on {report['inputs']}."
            for name, report in manifest.parity.items()
        )
    )


command = Command(train, needs=(*TRAINING, *EXPORT))
