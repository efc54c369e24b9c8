"""`lpel export`: a bundle for other people's services."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpel_export.commands.in_precision import Precision, in_precision, loss_in_words
from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.commands.shared.command import Command
from lpel_serving.commands.shared.options import (
    BundleOption,
    CropOption,
    JsonOption,
    ListPassedOverOption,
    MostBadOption,
    SeedOption,
    print_json,
    say,
)
from lpel_serving.commands.shared.passed_over import in_json, report
from lpel_serving.images.datasets.passed_over import MOST_BAD, PassedOver, Unusable

if TYPE_CHECKING:
    from lpel_serving.bundle.loading import Bundle


def export(
    context: typer.Context,
    bundle: BundleOption,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the new bundle; the bundle itself is completed when not given.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How explainer.onnx explains: surrogate, responses, lpel or lpel-mended; the best "
            "of them that the bundle supports when not given."
        ),
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option(
            help="What superpixels are replaced by where explainer.onnx explains by surrogate.",
            show_default="mean",
        ),
    ] = None,
    any_size: Annotated[
        bool,
        typer.Option("--any-size", help="explainer.onnx takes square crops of any size."),
    ] = False,
    no_defaults: Annotated[
        bool,
        typer.Option(
            "--no-defaults",
            help="threshold and epsilon must be fed to explainer.onnx: for runtimes that cannot "
            "override a default, such as those of Node.js and of browsers.",
        ),
    ] = False,
    precision: Annotated[
        Precision, typer.Option(help="Of the embedder; float16 and int8 need --faces and --out.")
    ] = Precision.float32,
    faces: Annotated[
        Path | None,
        typer.Option(
            help="Photographs as identity/image.jpg: half calibrate, half measure the loss.",
            show_default=False,
        ),
    ] = None,
    crop: CropOption = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            help="Also write a file that explains embeddings without photographs. It turns "
            "stored embeddings back into faces: guard it.",
            show_default=False,
        ),
    ] = None,
    triton: Annotated[
        Path | None,
        typer.Option(
            help="Also write a Triton model repository here, and a manifest for KServe beside it.",
            show_default=False,
        ),
    ] = None,
    storage_uri: Annotated[
        str | None,
        typer.Option(
            help="Where KServe will find the repository, such as s3://bucket/models.",
            show_default="pvc://lpel/ and the repository's name",
        ),
    ] = None,
    seed: SeedOption = 0,
    most_bad: MostBadOption = MOST_BAD,
    list_passed_over: ListPassedOverOption = False,
    json: JsonOption = False,
) -> None:
    """Write explainer.onnx, one file for any ONNX runtime, into a bundle; and what else is asked.

    With --precision the embedder, and the explainer made of it, take fewer bits.
    """
    from lpel_export.bundle.writer import write_with_explainer
    from lpel_export.explainer import build_explainer, chosen_fill, chosen_method
    from lpel_serving.bundle.loading import load_bundle
    from lpel_serving.commands.shared.progress import progress_bar

    lower = precision != Precision.float32
    of_faces = ("--faces", "--crop", "--most-bad", "--list-passed-over")
    check_applies(context, lower, "goes with --precision float16 or int8", *of_faces)
    check_applies(context, triton is not None, "goes with --triton", "--storage-uri")
    target = bundle if out is None else out
    beside = _Beside(templates, triton, storage_uri)
    _check(bundle, target, precision, faces, beside)
    loaded = load_bundle(bundle)
    if templates is not None:
        chosen_method(loaded, method, photographs=False)
    by = chosen_method(loaded, method)
    chosen_fill(loaded, by, fill)
    passed: tuple[PassedOver, ...] = ()
    if precision != Precision.float32 and faces is not None:
        unusable = Unusable(most_bad, names=list_passed_over)
        loaded, passed = in_precision(loaded, precision, faces, crop, seed, unusable)
        report(passed, names=list_passed_over)
    with progress_bar("building explainer.onnx", 1) as advance:
        explainer = build_explainer(
            loaded, by, fill=fill, any_size=any_size, defaults=not no_defaults
        )
        advance(1)
    manifest = write_with_explainer(target, loaded, explainer)
    files = [target / name for name in manifest.files]
    files += _write_beside(beside, loaded, explainer, method)
    if json:
        print_json(
            {
                "bundle": str(target),
                "explainer": manifest.files["explainer.onnx"].sha256,
                "embedder": manifest.embedder.name,
                "parity": dict(manifest.parity),
                "files": [str(path) for path in files],
                **({} if faces is None else in_json(passed, names=list_passed_over)),
            }
        )
        return
    for path in files:
        say(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    if precision != Precision.float32:
        say(loss_in_words(manifest.parity["embedder"], manifest.subject))
    if templates is not None:
        say(
            f"{templates} turns embeddings into pictures of {manifest.subject.many}: guard it as "
            "photographs."
        )


@dataclass(frozen=True)
class _Beside:
    """What is written beside the bundle, if asked for."""

    templates: Path | None
    triton: Path | None
    storage_uri: str | None

    def service(self, repository: Path) -> str:
        """Write KServe's manifest of the repository."""
        from lpel_export.deployment.kserve import kserve_manifest

        return kserve_manifest("lpel", self.storage_uri or f"pvc://lpel/{repository.name}")


def _check(
    bundle: Path, target: Path, precision: Precision, faces: Path | None, beside: _Beside
) -> None:
    """Refuse what cannot be, before hours are spent or anything is written."""
    from lpel_export.deployment.triton import check_replaceable as check_repository
    from lpel_serving.bundle.folder import check_replaceable
    from lpel_serving.support.errors import ParameterError

    if precision != Precision.float32 and (faces is None or target == bundle):
        raise ParameterError(
            f"--precision {precision} needs --faces, to calibrate and to measure on, and --out, "
            "so that the float32 bundle stays."
        )
    for place in (beside.templates, beside.triton):
        if place is not None and target.resolve() in (place.resolve(), *place.resolve().parents):
            raise ParameterError(
                "--templates and --triton are not written into a bundle, lest they be shipped by "
                f"accident: choose another place than {place}."
            )
    check_replaceable(target)
    if beside.triton is not None:
        check_repository(beside.triton)
        beside.service(beside.triton)


def _write_beside(
    beside: _Beside, bundle: "Bundle", explainer: bytes, method: str | None
) -> list[Path]:
    from lpel_export.deployment.triton import write_triton_repository
    from lpel_export.explainer import build_template_explainer
    from lpel_serving.support.files import write_atomically

    files: list[Path] = []
    if beside.templates is not None:
        write_atomically(beside.templates, build_template_explainer(bundle, method))
        files.append(beside.templates)
    if beside.triton is not None:
        files += write_triton_repository(bundle, explainer, beside.triton)
        service = beside.triton.with_name(f"{beside.triton.name}-kserve.yaml")
        write_atomically(service, beside.service(beside.triton).encode())
        files.append(service)
    return files


command = Command(export, needs=(("onnx", "export"), ("onnxruntime", "cpu")))
