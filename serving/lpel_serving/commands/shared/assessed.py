"""What `lpel assess` says, writes and keeps of the curves that it measured."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from lpel_serving.commands.shared.options import say

if TYPE_CHECKING:
    from lpel_serving.bundle.manifest import Manifest
    from lpel_serving.faithfulness.study import Answer


def about_assessment(manifest: "Manifest", crop: str | None, seed: int) -> dict[str, Any]:
    """Begin the document of an assessment: what is assessed, and no curve yet."""
    from lpel_serving.images.crop_words import called

    return {
        "bundle": {name: file.sha256 for name, file in manifest.files.items()},
        "crop": called(crop, manifest.crop),
        "threshold": manifest.threshold.value,
        "seed": seed,
        "curves": {},
    }


def report_curve(name: str, answer: "Answer", out: Path | None, *, quiet: bool) -> dict[str, Any]:
    """Say what came out of a curve, write its files, and return its record.

    Parameters
    ----------
    name
        Of the curve.
    answer
        What came out.
    out
        Folder of the files; None writes none.
    quiet
        Whether nothing is printed.
    """
    from lpel_serving.faithfulness.assessment_record import judgement_record

    record = judgement_record(answer.measured, answer.judgement)
    if answer.left_out is not None:
        record["left_out"] = asdict(answer.left_out)
    if not quiet:
        say(f"{answer.question.title}, {record['pairs']} pairs. {record['in_words']}")
        if answer.left_out is not None:
            say(f"  {answer.left_out.words}")
        area = record["area"]
        better = "lower" if record["lower_is_better"] else "higher"
        say(
            f"  area {area['mean']:.3f} [{area['low']:.3f}, {area['high']:.3f}], {better} is better"
        )
        for comparison in record["comparisons"]:
            say(f"  {comparison['words']}")
        if "caveat" in record:
            say(f"  {record['caveat']}")
    if out is not None:
        record["files"] = _write(out, name, answer)
        if not quiet:
            say(f"  {', '.join(record['files'].values())}")
    return record


def _write(out: Path, name: str, answer: "Answer") -> dict[str, str]:
    from lpel_serving.faithfulness.assessment_record import measured_arrays
    from lpel_serving.report.array_file import npz
    from lpel_serving.report.figures import curve_figure
    from lpel_serving.report.figures.canvas import png
    from lpel_serving.support.errors import MissingExtraError
    from lpel_serving.support.files import write_atomically

    files = {"arrays": out / f"{name}.npz"}
    write_atomically(files["arrays"], npz(measured_arrays(answer.measured)))
    try:
        write_atomically(
            out / f"{name}.png", png(curve_figure(answer.judgement, answer.question.title))
        )
        files["figure"] = out / f"{name}.png"
    except MissingExtraError as error:
        typer.echo(f"No figure was drawn. {error}", err=True)
    return {what: str(path) for what, path in files.items()}


def partial_of(out: Path, curve: str) -> Path:
    """Name the file that lets an interrupted curve go on."""
    return out / f".{curve}.partial"


def write_summary(out: Path, document: dict[str, Any]) -> None:
    """Write the whole document beside the files of the curves."""
    import json

    from lpel_serving.support.files import write_atomically

    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    write_atomically(out / "assessment.json", text.encode())


def keep_in_bundle(
    bundle: Path | None,
    manifest: "Manifest",
    method: str,
    answers: Mapping[str, "Answer"],
    crop: str,
) -> None:
    """Write what came out of a method, by curve, into a bundle's manifest; into none if None."""
    if bundle is None:
        return
    from dataclasses import replace

    from lpel_serving.bundle.assessment_record import AssessmentRecord
    from lpel_serving.bundle.folder import put_copy
    from lpel_serving.faithfulness.assessment_record import measured_curve

    curves = {
        name: measured_curve(answer.measured, answer.judgement, crop)
        for name, answer in answers.items()
    }
    known = manifest.assessment or AssessmentRecord({})
    assessment = known.with_curves(method, curves)
    put_copy(bundle, bundle, replace(manifest, assessment=assessment))
    typer.echo(f"{bundle} keeps what came out of the method {method}.", err=True)
